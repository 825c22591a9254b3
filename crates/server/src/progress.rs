//! Shows on standard error how far a command is: a bar on a terminal, else a line now and then.

use std::{
    env,
    io::{self, IsTerminal},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use indicatif::{BinaryBytes, FormattedDuration, HumanCount, ProgressBar, ProgressStyle};
use wharf_registry::progress::{Progress, Reached};

use crate::{cli::Stream, commands::write_out};

/// Shows the progress of a job until it is dropped. Nothing of it goes to standard output.
#[derive(Debug)]
pub(crate) struct Shown {
    /// On a terminal.
    bar: Option<ProgressBar>,
    drawer: Option<Drawer>,
}

/// The thread that draws, and the way to end it.
#[derive(Debug)]
struct Drawer {
    end: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

/// Whether progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// It is, and where there is no bar each phase has a line when it ends.
    EachPhase,
    /// It is, but where there is no bar a phase has lines only if one waits for it.
    LongPhases,
    /// It is not: `--quiet`.
    Nothing,
}

impl Shown {
    /// Shows the progress from now on.
    pub(crate) fn begin(progress: &Arc<Progress>, show: Show) -> Self {
        if show == Show::Nothing {
            return Self {
                bar: None,
                drawer: None,
            };
        }
        let bar = takes_a_bar().then(ProgressBar::new_spinner);
        let (end, ended) = mpsc::channel();
        let progress = Arc::clone(progress);
        let mut drawn = Drawn::on(bar.clone(), show);
        let thread = thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LOOK_EVERY) {
                    drawn.draw(&progress, Instant::now());
                }
                drawn.draw(&progress, Instant::now());
            });
        // A job that nobody can follow is better than none.
        let drawer = thread.ok().map(|thread| Drawer { end, thread });
        Self { bar, drawer }
    }

    /// Writes to another stream of the terminal, so that the two do not meet on one line.
    pub(crate) fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(Drawer { end, thread }) = self.drawer.take() {
            drop(end);
            // It does not panic, and if it did nothing would be lost.
            let _ = thread.join();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What was shown so far.
#[derive(Debug)]
struct Drawn {
    bar: Option<ProgressBar>,
    /// When the next line is due, where there is no bar.
    next: Instant,
    /// How long a phase takes at the least of whose end a line tells.
    waited_for: Duration,
}

impl Drawn {
    fn on(bar: Option<ProgressBar>, show: Show) -> Self {
        Self {
            bar,
            next: Instant::now() + LINE_EVERY,
            waited_for: match show {
                Show::LongPhases => WAITED_FOR,
                Show::EachPhase | Show::Nothing => Duration::ZERO,
            },
        }
    }

    fn draw(&mut self, progress: &Progress, now: Instant) {
        match &self.bar {
            Some(bar) => {
                let _ = progress.take_ended();
                if let Some(reached) = progress.reached() {
                    draw_bar(bar, &reached);
                }
            }
            None => {
                for line in self.lines(progress, now) {
                    // Where standard error cannot be written to, nobody follows.
                    let _ = write_out(Stream::Error, format_args!("{line}\n"));
                }
            }
        }
    }

    /// The lines that are due: one now and then for a phase that takes long, and one for each that
    /// has ended, if it took long enough.
    fn lines(&mut self, progress: &Progress, now: Instant) -> Vec<String> {
        let over = progress.take_ended();
        let waited_for = over.iter().filter(|phase| phase.elapsed >= self.waited_for);
        let mut lines: Vec<String> = waited_for.map(ended).collect();
        if !lines.is_empty() {
            self.next = now + LINE_EVERY;
        }
        if now >= self.next {
            self.next = now + LINE_EVERY;
            lines.extend(progress.reached().as_ref().map(under_way));
        }
        lines
    }
}

fn draw_bar(bar: &ProgressBar, reached: &Reached) {
    let phase = reached.phase;
    let of = match (phase.bytes, phase.count) {
        (Some(bytes), _) if bytes > 0 => Some((reached.bytes, bytes)),
        (_, Some(count)) => Some((reached.count, count)),
        (_, None) => None,
    };
    let template = if of.is_some() {
        "{spinner} [{bar:24}] {wide_msg}"
    } else {
        "{spinner} {wide_msg}"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    let (done, all) = of.unwrap_or_default();
    bar.set_length(all);
    bar.set_position(done.min(all));
    bar.set_message(under_way(reached));
    bar.tick();
}

/// A phase that is on: `reading blobs: 20 of 80 (4/s), 12.00 MiB of 48.00 MiB read (2.40 MiB/s), 00:00:15 left`.
fn under_way(reached: &Reached) -> String {
    let mut line = counts(reached);
    if let Some(left) = reached.left() {
        line.push_str(&format!(", {} left", FormattedDuration(left)));
    }
    line
}

fn ended(reached: &Reached) -> String {
    format!(
        "{}, done in {}",
        counts(reached),
        FormattedDuration(reached.elapsed)
    )
}

fn counts(reached: &Reached) -> String {
    let phase = reached.phase;
    let mut line = format!("{}: {}", phase.doing, HumanCount(reached.count));
    if let Some(count) = phase.count {
        line.push_str(&format!(" of {}", HumanCount(count)));
    }
    let rate = HumanCount(reached.per_second(reached.count));
    line.push_str(&format!(" ({rate}/s)"));
    if phase.bytes_are.is_empty() {
        return line;
    }
    line.push_str(&format!(", {}", BinaryBytes(reached.bytes)));
    if let Some(bytes) = phase.bytes {
        line.push_str(&format!(" of {}", BinaryBytes(bytes)));
    }
    let rate = BinaryBytes(reached.per_second(reached.bytes));
    line.push_str(&format!(" {} ({rate}/s)", phase.bytes_are));
    line
}

/// Whether standard error is a terminal that can be drawn on.
fn takes_a_bar() -> bool {
    let can_move = env::var_os("TERM").is_some_and(|terminal| terminal != "dumb");
    can_move && io::stderr().is_terminal()
}

/// How often a bar is drawn anew.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a phase takes at the least that one waits for.
const WAITED_FOR: Duration = Duration::from_secs(1);
/// How often a line tells how far a phase is, where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_registry::progress::Phase;

    const READING: Phase = Phase {
        doing: "reading blobs",
        count: Some(8000),
        bytes: Some(48 << 20),
        bytes_are: "read",
    };

    fn reached(phase: Phase) -> Reached {
        Reached {
            phase,
            count: 2000,
            bytes: 12 << 20,
            elapsed: Duration::from_secs(5),
        }
    }

    #[test]
    fn a_line_tells_count_rate_bytes_and_time_left() {
        assert_eq!(
            under_way(&reached(READING)),
            "reading blobs: 2,000 of 8,000 (400/s), 12.00 MiB of 48.00 MiB read (2.40 MiB/s), 00:00:15 left"
        );
        let unknown = Phase {
            doing: "marking manifests",
            ..Phase::default()
        };
        assert_eq!(
            under_way(&reached(unknown)),
            "marking manifests: 2,000 (400/s)"
        );
        let freeing = Phase {
            doing: "deleting blobs",
            bytes_are: "freed",
            ..Phase::default()
        };
        assert_eq!(
            ended(&reached(freeing)),
            "deleting blobs: 2,000 (400/s), 12.00 MiB freed (2.40 MiB/s), done in 00:00:05"
        );
    }

    #[test]
    fn lines_are_sparse_and_where_asked_for_none_is_about_what_took_no_time() {
        for (show, at_the_end) in [(Show::EachPhase, 1), (Show::LongPhases, 0)] {
            let progress = Progress::default();
            let mut drawn = Drawn::on(None, show);
            let start = drawn.next - LINE_EVERY;
            let after = |seconds| start + Duration::from_secs(seconds);
            progress.begin(READING);
            assert_eq!(drawn.lines(&progress, after(1)), [""; 0]);
            assert_eq!(drawn.lines(&progress, after(9)), [""; 0]);
            assert_eq!(drawn.lines(&progress, after(10)).len(), 1);
            assert_eq!(drawn.lines(&progress, after(11)), [""; 0]);
            progress.end();
            let lines = drawn.lines(&progress, after(12));
            assert_eq!(lines.len(), at_the_end, "{lines:?}");
            assert!(lines.iter().all(|line| line.ends_with("done in 00:00:00")));
            assert_eq!(drawn.lines(&progress, after(40)), [""; 0], "nothing is on");
        }
    }
}
