//! What only the embedded engine has: a disk that fills, a file that others open, a process that
//! is killed.

use crate::engines::{Embedded, Home, Probe, START, schema};
use crate::log::{append, key, numbers, open, topic};
use futures_util::future::join_all;
use protocol::{ErrorCode, Seq};
use sanctuary::clock::Clock;
use sanctuary::engine::sqlite::{FOREIGN_LOOK_MS, Options, Sqlite};
use sanctuary::log::{Append, Log as _, SqliteLog};
use std::io::BufRead as _;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_fails_takes_nobody_with_it() {
    let home = Embedded::new();
    let (engine, faults) = home.open_with_faults();
    faults.slow(Duration::from_millis(30));
    faults.refuse_write(20);
    let appended = join_all((1..=40).map(|n| append(&engine, topic(1), key(n), open(n)))).await;
    let failed: Vec<usize> = (0..40).filter(|n| appended[*n].is_err()).collect();
    assert_eq!(failed, [19]);
    assert_eq!(numbers(&engine, topic(1)).await.len(), 39);
    assert_eq!(engine.bus.take().len(), 39);
    assert!((engine.health)().is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_an_error_until_there_is_room() {
    let home = Embedded::new();
    let (engine, faults) = home.open_with_faults();
    append(&engine, topic(1), key(0), open(0)).await.unwrap();
    faults.fill_disk(true);
    let mut acknowledged = 1;
    let refused = loop {
        let gate = open(acknowledged).saying("x".repeat(3_000));
        match append(&engine, topic(1), key(acknowledged), gate).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code, ErrorCode::Unavailable);
    let cause = (engine.health)().unwrap_err();
    assert!(cause.contains("full"), "{cause}");
    assert_eq!(numbers(&engine, topic(1)).await, (0..acknowledged).collect::<Vec<_>>());
    faults.fill_disk(false);
    append(&engine, topic(1), key(acknowledged), open(acknowledged)).await.unwrap();
    assert!((engine.health)().is_ok());
    assert_eq!(numbers(&engine, topic(1)).await, (0..=acknowledged).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_at_the_end_is_still_written_and_the_wal_is_gone() {
    let home = Embedded::new();
    let (engine, faults) = home.open_with_faults();
    faults.slow(Duration::from_millis(20));
    let mut appends: Vec<_> =
        (0..300).map(|n| Box::pin(append(&engine, topic(1), key(n), open(n)))).collect();
    for append in &mut appends {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(append.as_mut().poll(&mut context).is_pending());
    }
    tokio::task::block_in_place(|| (engine.close)());
    for append in appends {
        append.await.unwrap();
    }
    let late = append(&engine, topic(1), key(999), open(999)).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::Unavailable);
    let wal = home.folder().join(format!("{}-wal", sanctuary::engine::sqlite::FILE_NAME));
    assert!(std::fs::metadata(wal).map_or(true, |wal| wal.len() == 0));
    assert_eq!(numbers(&home.open().await, topic(1)).await.len(), 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_writes_is_noticed_and_what_we_write_is_not() {
    let home = Embedded::new();
    let clock = Clock::manual(START);
    let (ours, _) = home.sqlite(&clock);
    let bus: Arc<Probe> = Arc::default();
    let log = SqliteLog::new(Arc::clone(&ours), bus);
    let mut foreign = ours.foreign_changes();
    for n in 0..20 {
        let gate = Box::new(open(n));
        log.append(Append { topic: topic(1), key: None, sender: None, gate }).await.unwrap();
    }
    let look = Duration::from_millis(2 * FOREIGN_LOOK_MS);
    assert!(tokio::time::timeout(look, foreign.changed()).await.is_err());
    append(&home.open().await, topic(1), None, open(20)).await.unwrap();
    tokio::time::timeout(20 * look, foreign.changed()).await.unwrap().unwrap();
}

const CHILD_FOLDER: &str = "SANCTUARY_TEST_FOLDER";

/// The child of the test below: appends until it is killed, and says what was acknowledged.
/// Run by itself it has no folder and ends at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_appends() {
    let Ok(folder) = std::env::var(CHILD_FOLDER) else { return };
    let clock = Clock::system();
    let engine = Sqlite::open_with(Options {
        folder: folder.into(),
        clock,
        schema: schema(),
        faults: Arc::default(),
    });
    let log = Arc::new(SqliteLog::new(engine.unwrap(), Arc::<Probe>::default()));
    let appenders = (0..8_u128).map(|n| {
        let log = Arc::clone(&log);
        async move {
            for m in 0_u128.. {
                let number = (u128::from(std::process::id()) << 64) + m * 8 + n;
                let append = Append {
                    topic: topic(n % 2),
                    key: key(number),
                    sender: None,
                    gate: Box::new(open(number)),
                };
                let appended = log.append(append).await.unwrap();
                println!("acknowledged {} {} {number} .", n % 2, appended.seq);
            }
        }
    });
    join_all(appenders).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_kill_9() {
    let home = Embedded::new();
    let mut acknowledged: Vec<(u128, Seq, u128)> = Vec::new();
    for life in 1..=4 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["sqlite::child_that_appends", "--exact", "--nocapture"])
            .env(CHILD_FOLDER, home.folder())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        while acknowledged.len() < life * 400 {
            let line = lines.next().unwrap().unwrap();
            acknowledged.extend(said(&line));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What was in the pipe was acknowledged too; the last line may be cut.
        acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| said(&line)));
        let engine = home.open().await;
        let kept = [numbers(&engine, topic(0)).await, numbers(&engine, topic(1)).await];
        for (topic, seq, number) in &acknowledged {
            let place = usize::try_from(seq - 1).unwrap();
            assert_eq!(kept[usize::try_from(*topic).unwrap()].get(place), Some(number));
        }
        let mut all = kept.concat();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count, "nothing twice");
    }
}

/// (topic, seq, number) of a whole line of the child.
fn said(line: &str) -> Option<(u128, Seq, u128)> {
    let mut words = line.strip_prefix("acknowledged ")?.strip_suffix(" .")?.split(' ');
    let (topic, seq, number) = (words.next()?, words.next()?, words.next()?);
    Some((topic.parse().ok()?, seq.parse().ok()?, number.parse().ok()?))
}
