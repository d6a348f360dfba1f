//! The memory of large messages, from one to the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

/// Messages below this are not worth it: memory for them is had quickly.
const LEAST: usize = 128 * 1024;

/// What a session keeps beyond what its messages take is bounded.
const MOST: usize = 4 * 1024 * 1024;

/// The memory of the last large message that some was set aside for, which the next of its size may have once nobody uses
/// it any more. To give it back to the system each time, and to ask for it again, takes longer than all else that is done
/// with such a message.
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
    /// [`Spare::age`] was called since memory was last laid here.
    old: bool,
}

/// Where the memory of one message goes once nobody uses it. It is given back to the system if that is nowhere, or if
/// the session has [cleared](Spare::clear) what was kept since.
#[derive(Debug, Default)]
pub(super) struct Home(Weak<Shelf>);

impl Spare {
    /// Where the memory of a message of `total` bytes is to go.
    pub(super) fn home(&mut self, total: usize) -> Home {
        if !(LEAST..=MOST).contains(&total) {
            return Home::default();
        }
        Home(Arc::downgrade(self.0.get_or_insert_default()))
    }

    /// Memory for a message of `total` bytes, if any is kept that fits closely: all of it is alive for as long as a part of
    /// the message is.
    pub(super) fn take(&mut self, total: usize) -> Option<Vec<u8>> {
        let mut kept = lock(self.0.as_ref()?);
        let fits = (total..=total.saturating_add(total / 8)).contains(&kept.memory.capacity());
        fits.then(|| std::mem::take(&mut kept.memory))
    }

    /// Gives back what is kept and was not used since this was last called: a session that goes on with small messages is
    /// never quiet.
    pub(super) fn age(&mut self) {
        let Some(shelf) = &self.0 else {
            return;
        };
        let mut kept = lock(shelf);
        let unused = match std::mem::replace(&mut kept.old, true) {
            true => std::mem::take(&mut kept.memory),
            false => Vec::new(),
        };
        drop(kept);
        drop(unused);
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

    /// A message that is read, and whether it has memory that was kept.
    fn message(spare: &mut Spare, size: usize) -> (Bytes, bool) {
        let home = spare.home(size);
        let kept = spare.take(size);
        let has_kept = kept.is_some();
        let mut memory = kept.unwrap_or_else(|| Vec::with_capacity(size));
        assert!(memory.is_empty() && memory.capacity() >= size);
        memory.resize(size, 7);
        (home.lend(memory), has_kept)
    }

    #[test]
    fn memory_that_nobody_uses_any_more_is_used_again() {
        let mut spare = Spare::default();
        let (first, again) = message(&mut spare, SIZE);
        assert!(!again, "there is none yet");
        assert_eq!(first, vec![7; SIZE]);
        let place = first.as_ptr();
        drop(first);
        let (second, again) = message(&mut spare, SIZE);
        assert!(again);
        assert_eq!(second.as_ptr(), place);
        assert_eq!(spare.take(SIZE), None, "it is in use");
        drop(second);
        assert!(spare.take(SIZE).is_some());
    }

    #[test]
    fn a_message_keeps_its_memory_as_long_as_a_part_of_it_is_held() {
        let mut spare = Spare::default();
        let (message, _) = message(&mut spare, SIZE);
        let part = message.slice(10..20);
        drop(message);
        assert_eq!(spare.take(SIZE), None);
        assert_eq!(part, [7; 10][..]);
        drop(part);
        assert!(spare.take(SIZE).is_some());
    }

    #[test]
    fn memory_is_used_for_messages_of_about_its_size() {
        for (size, fits) in [
            (SIZE + 1, false),
            (SIZE, true),
            (SIZE - SIZE / 10, true),
            (SIZE - SIZE / 8, false),
        ] {
            let mut spare = Spare::default();
            drop(message(&mut spare, SIZE));
            assert_eq!(spare.take(size).is_some(), fits, "{size}");
        }
    }

    #[test]
    fn of_two_messages_the_memory_of_the_one_that_was_dropped_last_is_kept() {
        let mut spare = Spare::default();
        let (first, _) = message(&mut spare, SIZE);
        let (second, _) = message(&mut spare, SIZE + 1);
        drop(first);
        drop(second);
        assert_eq!(spare.take(SIZE).unwrap().capacity(), SIZE + 1);
        assert_eq!(spare.take(SIZE), None);
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
            assert_eq!(spare.take(size).is_some(), kept, "{size}");
        }
    }

    #[test]
    fn memory_that_lies_unused_is_given_back() {
        let mut spare = Spare::default();
        let (first, _) = message(&mut spare, SIZE);
        spare.age();
        spare.age();
        drop(first);
        spare.age();
        let (second, again) = message(&mut spare, SIZE);
        assert!(again, "it was used between the two");
        spare.age();
        drop(second);
        spare.age();
        spare.age();
        assert_eq!(spare.take(SIZE), None);
    }

    #[test]
    fn what_is_in_use_when_all_is_given_back_is_not_kept_later() {
        let mut spare = Spare::default();
        let (late, _) = message(&mut spare, SIZE);
        spare.clear();
        assert!(spare.is_clear());
        let _other = spare.home(SIZE);
        drop(late);
        assert_eq!(spare.take(SIZE), None);
    }
}
