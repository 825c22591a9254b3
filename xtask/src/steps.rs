//! A list of steps, run in order until one fails, with a summary of how long each took.

use std::time::{Duration, Instant};

use crate::Outcome;

/// The steps taken so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    taken: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Takes one step under its own heading.
    pub(crate) fn take(&mut self, name: &'static str, step: impl FnOnce() -> Outcome) -> Outcome {
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = step();
        let duration = start.elapsed();
        self.taken.push((name, duration));
        if let Err(error) = outcome {
            println!("{}", self.summary());
            return Err(format!("{name}: {error}").into());
        }
        println!("--- {name}: done, {}", in_words(duration));
        Ok(())
    }

    /// Says that all went well.
    pub(crate) fn finish(&self) {
        println!("{}\nall that ran passed", self.summary());
    }

    fn summary(&self) -> String {
        let lines = self
            .taken
            .iter()
            .map(|(name, duration)| format!("\n  {:>8}  {name}", in_words(*duration)));
        let total = self.taken.iter().map(|(_, duration)| *duration).sum();
        format!(
            "\n=== summary{}\n  {:>8}  in all",
            lines.collect::<String>(),
            in_words(total)
        )
    }
}

fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!(
            "{} min {:02} s",
            duration.as_secs() / 60,
            duration.as_secs() % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_for_people() {
        assert_eq!(in_words(Duration::from_millis(1240)), "1.2 s");
        assert_eq!(in_words(Duration::from_secs(187)), "3 min 07 s");
    }

    #[test]
    fn the_failing_step_is_named() {
        let mut steps = Steps::default();
        assert!(steps.take("first", || Ok(())).is_ok());
        let error = steps
            .take("second", || Err("broken".into()))
            .expect_err("the step fails");
        assert_eq!(error.to_string(), "second: broken");
        assert!(steps.summary().contains("first") && steps.summary().contains("second"));
    }
}
