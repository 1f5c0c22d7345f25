//! A bar on stderr that says how far the run is.

use crate::report::rate;
use crate::run::{Run, held};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Between two pictures.
const TICK: Duration = Duration::from_millis(250);

/// The bar while it is shown.
pub(crate) struct Progress {
    bar: ProgressBar,
    task: JoinHandle<()>,
}

impl Progress {
    /// Takes it away.
    pub(crate) fn clear(self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

/// Shows the bar. Hidden where stderr is no terminal.
pub(crate) fn show(run: &Arc<Run>) -> Progress {
    let load_ms = u64::try_from(run.settings.load.as_millis()).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(load_ms), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let (run, shown) = (Arc::clone(run), bar.clone());
    let task = tokio::spawn(async move {
        let mut before = held(&run.metrics).counts;
        loop {
            sleep(TICK).await;
            let counts = held(&run.metrics).counts;
            if counts.sent > 0 {
                shown.inc(u64::try_from(TICK.as_millis()).unwrap_or(0));
            }
            let stage = if run.load_is_over() { "settling · " } else { "" };
            shown.set_message(format!(
                "{stage}{} sessions · {}/s acknowledged · {}/s delivered · {} reconnects",
                counts.opened - counts.reconnects,
                rate(counts.acked - before.acked, TICK),
                rate(counts.delivered - before.delivered, TICK),
                counts.reconnects,
            ));
            before = counts;
        }
    });
    Progress { bar, task }
}
