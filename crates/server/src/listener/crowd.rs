//! The connections that are open, and room for those that want to come.

use std::{
    cmp::Reverse, collections::HashMap, error::Error as StdError, sync::Arc, time::Duration,
};

use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::activity::Activity;

/// The connections of a listener, up to a number.
#[derive(Debug)]
pub(super) struct Crowd {
    running: JoinSet<()>,
    members: HashMap<Id, Member>,
    limit: usize,
    crowded: bool,
}

/// An open connection.
#[derive(Debug)]
struct Member {
    task: AbortHandle,
    activity: Arc<Activity>,
}

impl Crowd {
    /// Makes room for `limit` connections, for one at least.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            running: JoinSet::new(),
            members: HashMap::new(),
            limit: limit.max(1),
            crowded: false,
        }
    }

    /// Whether there is no room for one more.
    pub(super) fn is_full(&self) -> bool {
        self.running.len() >= self.limit
    }

    /// Lets a connection run, which notes in `activity` what it is doing.
    pub(super) fn admit(
        &mut self,
        activity: Arc<Activity>,
        connection: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = self.running.spawn(connection);
        let id = task.id();
        self.members.insert(id, Member { task, activity });
    }

    /// Waits until a connection has ended; nothing comes when there is none.
    pub(super) async fn ended(&mut self) -> Option<()> {
        let ended = self.running.join_next_with_id().await?;
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.members.remove(&id);
        if self.running.len() <= self.limit / 4 * 3 {
            self.crowded = false;
        }
        if let Err(error) = ended {
            report(&error);
        }
        Some(())
    }

    /// Ends the connections that have had nothing to do for longest, some at a time. Those that
    /// have only come may be about to send a request.
    pub(super) fn make_room(&mut self) {
        if !self.crowded {
            self.crowded = true;
            tracing::warn!(
                connections.limit = self.limit as u64,
                "no room for more connections, ending those that are idle; raise the number of open files \
                 (ulimit -n) to have more"
            );
        }
        let mut idle: Vec<(Duration, &Member)> = self
            .members
            .values()
            .filter_map(|member| Some((member.activity.idle()?, member)))
            .filter(|(idle, _)| *idle >= YOUTH)
            .collect();
        // A share, so that the crowd is not looked through again for each who comes.
        let count = idle.len().min(1 + self.limit / 32);
        if count < idle.len() {
            idle.select_nth_unstable_by_key(count, |(idle, _)| Reverse(*idle));
        }
        for (_, member) in &idle[..count] {
            member.task.abort();
        }
        tracing::debug!(count, "ended idle connections");
    }

    /// Ends all connections at once.
    pub(super) async fn disperse(&mut self) {
        self.running.shutdown().await;
    }
}

/// Logs the end of a connection that nobody else could log.
fn report(error: &JoinError) {
    if error.is_panic() {
        tracing::error!(
            error = error as &dyn StdError,
            "connection ended by a panic"
        );
    }
}

/// How long a connection must have been idle to end for another one: more than the first request
/// takes to arrive over a long line, with a handshake before it.
pub(super) const YOUTH: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::advance;

    use super::*;

    /// A crowd for four, with as many in it; each came a second after the other.
    async fn four() -> (Crowd, Vec<Arc<Activity>>) {
        let mut crowd = Crowd::new(4);
        let mut activities = Vec::new();
        for _ in 0..4 {
            assert!(!crowd.is_full());
            let activity = Activity::new(Arc::default());
            activities.push(Arc::clone(&activity));
            crowd.admit(activity, pending());
            advance(YOUTH).await;
        }
        assert!(crowd.is_full());
        (crowd, activities)
    }

    fn is_in(crowd: &Crowd, activity: &Arc<Activity>) -> bool {
        let mut members = crowd.members.values();
        members.any(|member| Arc::ptr_eq(&member.activity, activity))
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_been_idle_for_longest_makes_room() {
        let (mut crowd, activities) = four().await;
        // The first is at work, the second cannot get rid of its response, the third was just now.
        let _in_flight = activities[0].request(false);
        activities[1].held_up(true);
        drop(activities[2].request(false));
        advance(YOUTH).await;
        crowd.make_room();
        crowd.ended().await.unwrap();
        assert!(!crowd.is_full());
        for (index, stays) in [true, true, true, false].into_iter().enumerate() {
            assert_eq!(is_in(&crowd, &activities[index]), stays, "{index}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_ends_who_is_at_work_or_has_only_come() {
        let (mut crowd, activities) = four().await;
        let _in_flight: Vec<_> = activities.iter().map(|one| one.request(false)).collect();
        crowd.make_room();
        assert!(tokio::time::timeout(YOUTH, crowd.ended()).await.is_err());

        let mut crowd = Crowd::new(0);
        crowd.admit(Activity::new(Arc::default()), pending());
        assert!(crowd.is_full());
        crowd.make_room();
        assert!(tokio::time::timeout(YOUTH, crowd.ended()).await.is_err());
    }
}
