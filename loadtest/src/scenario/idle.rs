//! `idle`: many open sessions that do nothing but answer pings.

use super::{Crowd, Encoding, SetupError, hold_load};
use crate::oracle::Fault;
use crate::report::{Extra, rate, real};
use crate::run::{Run, held};
use crate::settle::settle;
use crate::tokens::Credentials;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// After the last session opened, before memory is read.
const REST: Duration = Duration::from_secs(3);
/// `sysconf(_SC_CLK_TCK)`, the same on every Linux that runs this.
const TICKS_PER_SECOND: u64 = 100;

/// The server's process as /proc shows it.
#[derive(Debug, Clone, Copy, Default)]
struct Process {
    rss_kib: u64,
    cpu_ticks: u64,
}

impl Process {
    fn read(pid: u32) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold spaces; what follows it does not.
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            rss_kib: rss.split_whitespace().next()?.parse().ok()?,
            cpu_ticks: ticks(11)? + ticks(12)?,
        })
    }
}

/// See the module.
pub(crate) async fn run(
    run: &Arc<Run>,
    credentials: Vec<Credentials>,
    encoding: Encoding,
    pid: Option<u32>,
) -> Result<Extra, SetupError> {
    let look = || match pid {
        None => Ok(None),
        Some(pid) => Process::read(pid)
            .map(Some)
            .ok_or_else(|| SetupError::Usage(format!("--pid {pid}: no such process"))),
    };
    let before = look()?;
    let mut crowd = Crowd::default();
    crowd.add(run, credentials, encoding);
    let users = crowd.people.len() as u64;
    let dialling = Instant::now();
    for person in crowd.people.clone() {
        crowd.start(&person, ());
    }
    crowd.opened().await?;
    let mut extra = vec![("connects_per_second", rate(users, dialling.elapsed()))];
    sleep(REST).await;
    let open = look()?;
    let began = Instant::now();
    hold_load(run, began).await;
    let held_for = began.elapsed();
    let after = look().ok().flatten();

    if let (Some(before), Some(open)) = (before, open) {
        let per = |kib: u64| (real(kib) / real(users.max(1)) * 100.0).round() / 100.0;
        extra.push(("server_rss_before_kib", real(before.rss_kib)));
        extra.push(("server_rss_open_kib", real(open.rss_kib)));
        extra.push(("server_kib_per_connection", per(open.rss_kib.saturating_sub(before.rss_kib))));
        if let Some(after) = after {
            let ticks = after.cpu_ticks.saturating_sub(open.cpu_ticks);
            extra.push(("server_rss_after_kib", real(after.rss_kib)));
            let cores = rate(ticks * 100 / TICKS_PER_SECOND, held_for);
            extra.push(("server_cpu_percent", cores));
        }
    }
    if held(&run.metrics).counts.opened == 0 {
        run.found(&"idle", &Fault::NothingHappened);
    }
    settle(run, &crowd.people).await;
    crowd.leave().await;
    Ok(extra)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_processor_time() {
        let own = Process::read(std::process::id());
        assert!(own.is_some_and(|own| own.rss_kib > 100), "{own:?}");
        assert!(Process::read(u32::MAX).is_none());
    }
}
