//! Which credentials were found right before, so that bcrypt runs once for each.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::sync::{OnceCell, Semaphore};

use super::hash::PasswordHash;
use crate::basic::BasicCredentials;
use crate::error::Error;

/// A bounded memory of the credentials that were right.
///
/// What is kept is a keyed hash over user, password and the entry of the file, so a changed entry
/// is never found, and nothing in memory gives a password away. Credentials that were wrong are not
/// kept, but requests that bring the same ones at the same time share one check.
pub(super) struct VerificationCache {
    /// Keyed with random bytes that this process alone knows.
    keyed: Hmac<Sha256>,
    memory: Mutex<Memory>,
    /// As many checks at once as there are processors: more would only make each of them slower.
    permits: Arc<Semaphore>,
    #[cfg(test)]
    pub(super) verifications: Arc<std::sync::atomic::AtomicUsize>,
}

/// What stands for a credential.
type Key = [u8; 32];

#[derive(Default)]
struct Memory {
    verified: HashSet<Key>,
    /// The same keys, oldest first.
    order: VecDeque<Key>,
    /// The checks that are going on.
    flights: HashMap<Key, Arc<OnceCell<bool>>>,
}

impl VerificationCache {
    pub(super) fn new() -> Result<Self, Error> {
        let mut secret = [0; 64];
        getrandom::fill(&mut secret).map_err(|error| Error::Random(error.into()))?;
        Ok(Self {
            keyed: Hmac::new(&secret.into()),
            memory: Mutex::default(),
            permits: Arc::new(Semaphore::new(
                available_parallelism().map_or(1, usize::from),
            )),
            #[cfg(test)]
            verifications: Arc::default(),
        })
    }

    /// Tells whether the password is the one that the hash was made of.
    pub(super) async fn verify(
        &self,
        credentials: BasicCredentials,
        hash: PasswordHash,
    ) -> Result<bool, Error> {
        let key = self.key(&credentials, &hash);
        let flight = {
            let mut memory = self.memory();
            if memory.verified.contains(&key) {
                return Ok(true);
            }
            Flight {
                cell: Arc::clone(memory.flights.entry(key).or_default()),
                key,
                cache: self,
            }
        };
        // If the request that checks goes away, one of those that wait takes over.
        let check = || self.check(credentials, hash);
        let matches = *flight.cell.get_or_try_init(check).await?;
        if matches {
            self.memory().remember(key);
        }
        Ok(matches)
    }

    async fn check(
        &self,
        credentials: BasicCredentials,
        hash: PasswordHash,
    ) -> Result<bool, Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| Error::Interrupted)?;
        #[cfg(test)]
        self.verifications
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let check = move || {
            // Held by the work itself, which goes on when the request that started it is gone.
            let _permit = permit;
            hash.verify(&credentials.password)
        };
        tokio::task::spawn_blocking(check)
            .await
            .map_err(|_| Error::Interrupted)
    }

    fn key(&self, credentials: &BasicCredentials, hash: &PasswordHash) -> Key {
        let fingerprint: Vec<u8> = hash.fingerprint().collect();
        let mut mac = self.keyed.clone();
        for part in [
            credentials.user.as_bytes(),
            &credentials.password,
            &fingerprint,
        ] {
            // The lengths keep `a` + `bc` apart from `ab` + `c`.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Each change is whole before the lock is let go, so a poisoned lock is as good as any.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn remember(&mut self, key: Key) {
        if !self.verified.insert(key) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.verified.remove(&oldest);
        }
    }
}

/// One request's part in a check that is going on; the last to leave, or the first after its end,
/// takes it off the list.
struct Flight<'a> {
    cell: Arc<OnceCell<bool>>,
    key: Key,
    cache: &'a VerificationCache,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut memory = self.cache.memory();
        // One count is the list's, one is ours; new ones are only made under the lock.
        let is_last = Arc::strong_count(&self.cell) <= 2;
        let is_listed = memory
            .flights
            .get(&self.key)
            .is_some_and(|cell| Arc::ptr_eq(cell, &self.cell));
        if is_listed && (is_last || self.cell.initialized()) {
            memory.flights.remove(&self.key);
        }
    }
}

impl fmt::Debug for VerificationCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verified = self.memory().verified.len();
        f.debug_struct("VerificationCache")
            .field("verified", &verified)
            .finish_non_exhaustive()
    }
}

/// How many credentials are kept.
const CAPACITY: usize = 4096;

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    fn hash() -> PasswordHash {
        PasswordHash::parse(bcrypt::hash("secret", 4).unwrap().as_bytes()).unwrap()
    }

    fn credentials(user: &str, password: &str) -> BasicCredentials {
        BasicCredentials {
            user: user.to_owned(),
            password: password.as_bytes().to_owned(),
        }
    }

    fn verify(
        cache: &Arc<VerificationCache>,
        password: &'static str,
        hash: &PasswordHash,
    ) -> JoinHandle<bool> {
        let (cache, hash) = (Arc::clone(cache), hash.clone());
        tokio::spawn(async move {
            cache
                .verify(credentials("alice", password), hash)
                .await
                .unwrap()
        })
    }

    fn verifications(cache: &VerificationCache) -> usize {
        cache.verifications.load(Ordering::SeqCst)
    }

    /// Keeps every check waiting until the permits are given back.
    async fn hold(cache: &VerificationCache) -> tokio::sync::OwnedSemaphorePermit {
        let all = u32::try_from(cache.permits.available_permits()).unwrap();
        Arc::clone(&cache.permits)
            .acquire_many_owned(all)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn requests_at_the_same_time_share_one_check() {
        let cache = Arc::new(VerificationCache::new().unwrap());
        let hash = hash();
        for (password, matches) in [("secret", true), ("wrong", false)] {
            let before = verifications(&cache);
            let held = hold(&cache).await;
            let requests: Vec<_> = (0..20).map(|_| verify(&cache, password, &hash)).collect();
            yield_now().await;
            drop(held);
            for request in requests {
                assert_eq!(request.await.unwrap(), matches);
            }
            assert_eq!(verifications(&cache) - before, 1, "{password}");
        }
        assert!(cache.memory().flights.is_empty());
    }

    #[tokio::test]
    async fn what_was_right_is_kept_and_what_was_wrong_is_not() {
        let cache = VerificationCache::new().unwrap();
        let hash = hash();
        for (password, matches, expected) in [
            ("secret", true, 1),
            ("secret", true, 1),
            ("wrong", false, 2),
            ("wrong", false, 3),
            ("secret", true, 3),
        ] {
            let result = cache
                .verify(credentials("alice", password), hash.clone())
                .await;
            assert_eq!(result.unwrap(), matches);
            assert_eq!(verifications(&cache), expected);
        }
    }

    #[tokio::test]
    async fn another_user_or_entry_is_checked_anew() {
        let cache = VerificationCache::new().unwrap();
        let first = hash();
        for (user, hash, expected) in [
            ("alice", &first, 1),
            ("bob", &first, 2),
            ("alice", &hash(), 3),
        ] {
            let result = cache
                .verify(credentials(user, "secret"), hash.clone())
                .await;
            assert!(result.unwrap());
            assert_eq!(verifications(&cache), expected, "{user}");
        }
    }

    #[tokio::test]
    async fn a_request_that_goes_away_leaves_its_check_to_the_next() {
        let cache = Arc::new(VerificationCache::new().unwrap());
        let hash = hash();
        let held = hold(&cache).await;
        let first = verify(&cache, "secret", &hash);
        yield_now().await;
        let second = verify(&cache, "secret", &hash);
        yield_now().await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        assert_eq!(cache.memory().flights.len(), 1);
        drop(held);
        assert!(second.await.unwrap());
        assert_eq!(verifications(&cache), 1);
        assert!(cache.memory().flights.is_empty());
    }

    #[tokio::test]
    async fn requests_that_all_go_away_leave_nothing() {
        let cache = Arc::new(VerificationCache::new().unwrap());
        let _held = hold(&cache).await;
        let requests: Vec<_> = (0..3).map(|_| verify(&cache, "secret", &hash())).collect();
        yield_now().await;
        assert_eq!(cache.memory().flights.len(), 3);
        for request in requests {
            request.abort();
            assert!(request.await.unwrap_err().is_cancelled());
        }
        assert!(cache.memory().flights.is_empty());
    }

    #[test]
    fn the_oldest_makes_room() {
        let key = |number: usize| {
            let mut key = Key::default();
            key[..8].copy_from_slice(&number.to_be_bytes());
            key
        };
        let mut memory = Memory::default();
        for number in 0..CAPACITY + 10 {
            memory.remember(key(number));
            memory.remember(key(number));
        }
        assert_eq!(
            (memory.verified.len(), memory.order.len()),
            (CAPACITY, CAPACITY)
        );
        assert!(!memory.verified.contains(&key(9)));
        assert!(memory.verified.contains(&key(10)));
    }

    #[test]
    fn neither_the_key_nor_the_memory_is_shown() {
        let cache = VerificationCache::new().unwrap();
        cache.memory().remember(Key::default());
        assert_eq!(
            format!("{cache:?}"),
            "VerificationCache { verified: 1, .. }"
        );
    }
}
