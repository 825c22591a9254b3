//! What was asked for lately, within a budget of memory.

use std::{borrow::Borrow, collections::HashMap, hash::Hash, mem};

/// Values by their keys, in two generations: what is asked for moves to the young one, and when that
/// is full the old one goes and the young one becomes old.
#[derive(Debug)]
pub struct Generations<K, V> {
    young: HashMap<K, Kept<V>>,
    old: HashMap<K, Kept<V>>,
    /// How much memory the young generation takes, in bytes.
    bytes: usize,
    /// How much it may take.
    budget: usize,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    bytes: usize,
}

impl<K: Hash + Eq, V: Clone> Generations<K, V> {
    /// Keeps values of so many bytes, both generations together.
    #[must_use]
    pub fn new(budget: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            bytes: 0,
            budget: budget / 2,
        }
    }

    /// What is kept under a key; stays for a while longer.
    pub fn find<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(kept) = self.young.get(key) {
            return Some(kept.value.clone());
        }
        let (key, kept) = self.old.remove_entry(key)?;
        let value = kept.value.clone();
        self.keep(key, kept.value, kept.bytes);
        Some(value)
    }

    /// Keeps a value that takes so many bytes, instead of the one before; one that takes more than a
    /// generation may is not kept.
    pub fn keep(&mut self, key: K, value: V, bytes: usize) {
        self.forget_if(&key, |_| true);
        if bytes > self.budget {
            return;
        }
        if self.bytes + bytes > self.budget {
            self.old = mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += bytes;
        self.young.insert(key, Kept { value, bytes });
    }

    /// How much memory the values of each generation take, in bytes.
    #[cfg(test)]
    pub(crate) fn sizes(&self) -> [usize; 2] {
        [&self.young, &self.old].map(|kept| kept.values().map(|kept| kept.bytes).sum())
    }

    /// Drops the value under a key if it is such a one.
    pub fn forget_if<Q>(&mut self, key: &Q, is_such: impl Fn(&V) -> bool)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.young.get(key).is_some_and(|kept| is_such(&kept.value))
            && let Some(kept) = self.young.remove(key)
        {
            self.bytes -= kept.bytes;
        }
        if self.old.get(key).is_some_and(|kept| is_such(&kept.value)) {
            self.old.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let mut kept = Generations::new(200);
        kept.keep(0, 'x', 10);
        for n in 1..100 {
            kept.keep(n, 'y', 30);
            assert_eq!(kept.find(&0), Some('x'), "after {n}");
            let [young, old] = kept.sizes();
            assert_eq!(young, kept.bytes);
            assert!(young <= 100 && old <= 100, "{young} and {old} bytes");
        }
        assert_eq!(kept.find(&99), Some('y'));
        assert_eq!(kept.find(&90), None);
    }

    #[test]
    fn a_value_is_replaced_in_either_generation() {
        let mut kept = Generations::new(200);
        kept.keep(1, 'a', 60);
        kept.keep(1, 'b', 50);
        assert_eq!((kept.find(&1), kept.bytes), (Some('b'), 50));
        kept.keep(2, 'c', 60);
        assert_eq!(kept.sizes(), [60, 50]);
        kept.keep(1, 'd', 20);
        assert_eq!(kept.sizes(), [80, 0]);
        assert_eq!(kept.find(&1), Some('d'));
    }

    #[test]
    fn what_takes_too_much_is_not_kept_nor_what_was_there_before() {
        let mut kept = Generations::new(200);
        kept.keep(1, 'a', 10);
        kept.keep(1, 'b', 101);
        assert_eq!((kept.find(&1), kept.bytes), (None, 0));
    }

    #[test]
    fn a_value_goes_if_it_is_such_a_one() {
        let mut kept = Generations::new(200);
        kept.keep(1, 'a', 60);
        kept.forget_if(&1, |value| *value == 'b');
        assert_eq!(kept.find(&1), Some('a'));
        kept.keep(2, 'a', 60);
        for key in [1, 2] {
            kept.forget_if(&key, |value| *value == 'a');
            assert_eq!(kept.find(&key), None, "{key}");
        }
        assert_eq!(kept.bytes, 0);
    }
}
