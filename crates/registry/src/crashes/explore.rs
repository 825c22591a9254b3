//! Each step again and again, with a fault at every call.

use std::sync::Arc;

use wharf_storage::testing::lossy::{Fault, Lossy, Survival};

use super::{
    ledger::{Ledger, Violation},
    script::{Client, SCRIPT, Step},
};
use crate::{Error, StorageError, testing::TestRegistry};

/// Takes all steps on the store, and at each one, beginning at `from`, looks at what every fault of
/// a kind would leave. Returns how many faults there were.
pub(super) async fn explore(store: Lossy, from: Step, fault: Fault) -> Result<u64, Violation> {
    let mut ledger = Ledger::default();
    let mut faults = 0;
    let mut begun = false;
    for step in SCRIPT {
        begun |= step == from;
        for n in (0..).take_while(|_| begun) {
            let told = |violation| format!("{fault:?} at call {n} of {step:?}: {violation}");
            let tried = Trial::of(step, &store, &ledger).await;
            if !tried.at(n, fault).await.map_err(told)? {
                break;
            }
            faults += 1;
        }
        let test = TestRegistry::on(Arc::new(store.clone()));
        let taken = Client {
            test: &test,
            ledger: &mut ledger,
        }
        .take(step)
        .await;
        taken.map_err(|error| format!("{step:?}: {error:?}"))?;
        ledger.check(&test).await?;
    }
    Ok(faults)
}

/// One step on a copy of the store.
struct Trial {
    step: Step,
    store: Lossy,
    test: TestRegistry,
    ledger: Ledger,
    /// Whether to look, in the end, if anything is left half written. That takes as long as the
    /// rest, so it is done where leftovers differ.
    tidies: bool,
}

impl Trial {
    async fn of(step: Step, store: &Lossy, ledger: &Ledger) -> Self {
        Self::on(step, store.copy().await, ledger)
    }

    fn on(step: Step, store: Lossy, ledger: &Ledger) -> Self {
        Self {
            step,
            test: TestRegistry::on(Arc::new(store.clone())),
            store,
            ledger: ledger.clone(),
            tidies: true,
        }
    }

    fn untidied(self, untidied: bool) -> Self {
        Self {
            tidies: !untidied,
            ..self
        }
    }

    async fn take(&mut self) -> Result<(), Error> {
        let (test, ledger) = (&self.test, &mut self.ledger);
        Client { test, ledger }.take(self.step).await
    }

    async fn check(&self) -> Result<(), Violation> {
        self.ledger.check(&self.test).await
    }

    /// Takes the step with a fault; tells whether the step was long enough for it.
    async fn at(mut self, n: u64, fault: Fault) -> Result<bool, Violation> {
        self.store.fault_at(n, fault);
        let taken = self.take().await;
        if !self.store.has_failed() {
            taken.map_err(|error| format!("without a fault: {error:?}"))?;
            return Ok(false);
        }
        match fault {
            Fault::Dies(_) => self.after_the_end(n).await?,
            Fault::Fails(_) => self.untidied(!n.is_multiple_of(4)).goes_on().await?,
            Fault::Full | Fault::ReadOnly => {
                let refused = matches!(
                    taken,
                    Ok(())
                        | Err(Error::Storage(
                            StorageError::Full { .. } | StorageError::ReadOnly { .. }
                        ))
                );
                if !refused {
                    return Err(format!("told as {taken:?}"));
                }
                let meanwhile = |violation| format!("while it lasts: {violation}");
                if fault == Fault::Full && self.step.sets_aside() {
                    // To make room the trash is emptied before its time.
                    self.ledger.untagged_may_go();
                }
                self.check().await.map_err(meanwhile)?;
                self.store.heal();
                self.untidied(!n.is_multiple_of(4)).goes_on().await?;
            }
        }
        Ok(true)
    }

    /// The process has ended: whatever is left, the next one serves.
    async fn after_the_end(&self, n: u64) -> Result<(), Violation> {
        let killed = self.store.after_kill().await;
        let killed = Self::on(self.step, killed, &self.ledger);
        killed.goes_on().await.map_err(|v| format!("killed: {v}"))?;
        let cut = async |survival| {
            let left = self.store.after_power_cut(survival).await;
            Self::on(self.step, left, &self.ledger)
        };
        // All of it is what a kill leaves.
        let left = cut(Survival::Nothing).await.untidied(true).goes_on().await;
        left.map_err(|v| format!("power cut that left nothing: {v}"))?;
        let left = cut(Survival::Some(n)).await;
        let left = match n % 2 {
            0 => left.goes_on().await,
            _ => left.goes_on_unread().await,
        };
        left.map_err(|v| format!("power cut with seed {n}: {v}"))
    }

    /// What was acknowledged is there, the step can be taken again, the result is durable, and
    /// nothing is left half written.
    async fn goes_on(self) -> Result<(), Violation> {
        self.check().await?;
        self.goes_on_unread().await
    }

    /// The same before anybody has read anything: what is read is moved back out of the trash.
    async fn goes_on_unread(mut self) -> Result<(), Violation> {
        let taken = self.take().await;
        taken.map_err(|error| format!("taken again: {error:?}"))?;
        let again = |violation| format!("after it was taken again: {violation}");
        self.check().await.map_err(again)?;
        let left = self.store.after_power_cut(Survival::Nothing).await;
        let left = Self::on(self.step, left, &self.ledger);
        let later = |violation| format!("after a power cut later: {violation}");
        left.check().await.map_err(later)?;
        if self.tidies {
            self.tidies_up().await?;
        }
        Ok(())
    }

    async fn tidies_up(mut self) -> Result<(), Violation> {
        let (test, ledger) = (&self.test, &mut self.ledger);
        let mut client = Client { test, ledger };
        let purged = client.purge().await;
        purged.map_err(|error| format!("purged: {error:?}"))?;
        let collected = client.collect_alone().await;
        collected.map_err(|error| format!("collected: {error:?}"))?;
        let collected = |violation| format!("after a collection: {violation}");
        self.check().await.map_err(collected)?;
        let passing = ["/_uploads/", "/_trash/", "_wharf/"];
        for file in self.test.files().await {
            if passing.iter().any(|passing| file.contains(passing)) {
                return Err(format!("{file} is left"));
            }
        }
        Ok(())
    }
}
