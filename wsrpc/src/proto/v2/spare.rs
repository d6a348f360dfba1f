//! The memory of large messages, from one to the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

/// Messages below this are not worth it: memory for them is had quickly.
const LEAST: usize = 128 * 1024;

/// What a session keeps beyond what its messages take is bounded.
const MOST: usize = 4 * 1024 * 1024;

/// The memory of the last large message, which the next of its size may have once nobody uses it any more: to give it
/// back to the system each time, and to ask for it again, takes longer than all else that is done with such a message.
///
/// ```text
///          Spare ---take---> a message that arrives ---lend---> a message that is read
///            ^                                                            |
///            +------------------- it is dropped, by whomever -------------+
/// ```
#[derive(Debug, Default)]
pub(super) struct Spare(Option<Arc<Shelf>>);

/// Where memory lies that nobody uses.
type Shelf = Mutex<Kept>;

#[derive(Debug, Default)]
struct Kept {
    /// Empty, and without capacity if there is none.
    memory: Vec<u8>,
    /// It lay here when [`Spare::age`] was last called.
    old: bool,
}

/// Where the memory of one message goes once nobody uses it. It is given back to the system if that is nowhere, or if
/// the session has [cleared](Spare::clear) what was kept since.
#[derive(Debug, Default)]
pub(super) struct Home(Weak<Shelf>);

impl Spare {
    /// Memory for a message of `total` bytes, if any is kept that fits closely, and where it goes afterwards.
    pub(super) fn take(&mut self, total: u64) -> (Option<Vec<u8>>, Home) {
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        if !(LEAST..=MOST).contains(&total) {
            return (None, Home::default());
        }
        let shelf = self.0.get_or_insert_default();
        let mut kept = lock(shelf);
        let fits = (total..=total.saturating_add(total / 8)).contains(&kept.memory.capacity());
        let memory = fits.then(|| std::mem::take(&mut kept.memory));
        (memory, Home(Arc::downgrade(shelf)))
    }

    /// Gives back what is kept and was not used since this was last called: a session that goes on with small messages is
    /// never quiet.
    pub(super) fn age(&mut self) {
        if let Some(shelf) = &self.0 {
            let mut kept = lock(shelf);
            if std::mem::replace(&mut kept.old, true) {
                kept.memory = Vec::new();
            }
        }
    }

    /// Gives back what is kept, and keeps nothing that is in use now.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Whether nothing is kept, nor will be.
    pub(super) fn is_clear(&self) -> bool {
        self.0.is_none()
    }
}

impl Home {
    /// The message that has arrived in `memory`, which comes home when the last of those who hold it drops it.
    pub(super) fn lend(self, memory: Vec<u8>) -> Bytes {
        if self.0.strong_count() == 0 {
            return memory.into();
        }
        Bytes::from_owner(Lent { memory, home: self })
    }
}

struct Lent {
    memory: Vec<u8>,
    home: Home,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(shelf) = self.home.0.upgrade() {
            self.memory.clear();
            let mut kept = lock(&shelf);
            kept.old = false;
            // What lay there is dropped along with this, when the lock is no longer held.
            std::mem::swap(&mut kept.memory, &mut self.memory);
        }
    }
}

fn lock(shelf: &Shelf) -> MutexGuard<'_, Kept> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{LEAST, MOST, Spare};
    use bytes::Bytes;

    const SIZE: usize = 1 << 20;

    /// A message that is read, and where it is.
    fn message(spare: &mut Spare, size: usize) -> (Bytes, *const u8) {
        let (memory, home) = spare.take(size as u64);
        let mut memory = memory.unwrap_or_else(|| Vec::with_capacity(size));
        assert!(memory.is_empty() && memory.capacity() >= size);
        memory.resize(size, 7);
        let place = memory.as_ptr();
        (home.lend(memory), place)
    }

    /// Whether memory is kept that a message of `size` bytes would have.
    fn keeps(spare: &mut Spare, size: usize) -> bool {
        spare.take(size as u64).0.is_some()
    }

    #[test]
    fn memory_that_nobody_uses_any_more_is_used_again() {
        let mut spare = Spare::default();
        let (first, place) = message(&mut spare, SIZE);
        assert_eq!(first, vec![7; SIZE]);
        drop(first);
        let (second, again) = message(&mut spare, SIZE);
        assert_eq!(again, place);
        assert!(!keeps(&mut spare, SIZE), "it is in use");
        drop(second);
        assert!(keeps(&mut spare, SIZE));
    }

    #[test]
    fn a_message_keeps_its_memory_as_long_as_a_part_of_it_is_held() {
        let mut spare = Spare::default();
        let (message, _) = message(&mut spare, SIZE);
        let part = message.slice(10..20);
        drop(message);
        assert!(!keeps(&mut spare, SIZE));
        assert_eq!(part, [7; 10][..]);
        drop(part);
        assert!(keeps(&mut spare, SIZE));
    }

    #[test]
    fn memory_is_used_for_messages_of_about_its_size() {
        for (size, fits) in [
            (SIZE + 1, false),
            (SIZE, true),
            (SIZE - SIZE / 10, true),
            (SIZE / 2, false),
        ] {
            let mut spare = Spare::default();
            drop(message(&mut spare, SIZE));
            assert_eq!(keeps(&mut spare, size), fits, "{size}");
        }
    }

    #[test]
    fn of_two_messages_the_memory_of_the_one_that_was_dropped_last_is_kept() {
        let mut spare = Spare::default();
        let (first, _) = message(&mut spare, SIZE);
        let (second, place) = message(&mut spare, SIZE);
        drop(first);
        drop(second);
        let (_third, again) = message(&mut spare, SIZE);
        assert_eq!(again, place);
        assert!(!keeps(&mut spare, SIZE));
    }

    #[test]
    fn only_memory_of_large_messages_is_kept_and_of_none_too_large() {
        for (size, kept) in [
            (LEAST - 1, false),
            (LEAST, true),
            (MOST, true),
            (MOST + 1, false),
        ] {
            let mut spare = Spare::default();
            drop(message(&mut spare, size));
            assert_eq!(spare.is_clear(), !kept, "{size}");
            assert_eq!(keeps(&mut spare, size), kept, "{size}");
        }
    }

    #[test]
    fn memory_that_lies_unused_is_given_back() {
        let mut spare = Spare::default();
        let (first, place) = message(&mut spare, SIZE);
        spare.age();
        spare.age();
        drop(first);
        spare.age();
        let (second, again) = message(&mut spare, SIZE);
        assert_eq!(again, place, "it was used between the two");
        spare.age();
        drop(second);
        spare.age();
        spare.age();
        assert!(!keeps(&mut spare, SIZE));
    }

    #[test]
    fn what_is_in_use_when_all_is_given_back_is_not_kept_later() {
        let mut spare = Spare::default();
        let (late, _) = message(&mut spare, SIZE);
        spare.clear();
        assert!(spare.is_clear());
        drop(late);
        assert!(!keeps(&mut spare, SIZE));
    }
}
