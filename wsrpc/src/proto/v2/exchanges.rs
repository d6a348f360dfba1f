//! The calls of a session, by their keys.

use super::{super::Key, exchange::Exchange, receive::Freed};

/// Calls, each in a place that is used again once it has ended.
///
/// It differs from a slab in that a call is [emptied](Exchange::empty) in its place when it has ended, and not moved out;
/// and what begins one is inlined, so that it is put together where it stays. To move all of it in and out would be most of
/// what is copied of a small call.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    places: Vec<Place>,
    /// The places that are not taken. The one that was left last, and is still in the core's cache, is the next.
    vacant: Vec<u32>,
}

#[derive(Debug)]
struct Place {
    taken: bool,
    /// In a place that is not taken, an [emptied](Exchange::empty) one.
    exchange: Exchange,
}

impl Place {
    #[inline]
    fn has(&self, key: Key) -> bool {
        self.taken && self.exchange.sequence == key.sequence
    }
}

impl Exchanges {
    /// A call begins.
    #[inline]
    pub(super) fn insert(&mut self, begun: Exchange) -> Key {
        let sequence = begun.sequence;
        let vacant = self.vacant.pop();
        let place = vacant.and_then(|index| self.places.get_mut(index as usize));
        if let (Some(index), Some(place)) = (vacant, place) {
            place.taken = true;
            place.exchange = begun;
            return Key { index, sequence };
        }
        let index = self.places.len();
        self.places.push(Place {
            taken: true,
            exchange: begun,
        });
        Key::new(index, sequence)
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<&Exchange> {
        let place = self.places.get(key.index())?;
        place.has(key).then_some(&place.exchange)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Exchange> {
        let place = self.places.get_mut(key.index())?;
        place.has(key).then_some(&mut place.exchange)
    }

    /// A call has ended. Returns what it gives back.
    #[inline]
    pub(super) fn remove(&mut self, key: Key) -> Freed {
        let place = self.places.get_mut(key.index());
        match place.filter(|place| place.has(key)) {
            Some(place) => {
                place.taken = false;
                self.vacant.push(key.index);
                place.exchange.empty()
            }
            None => Freed::default(),
        }
    }

    /// All calls end but those that `stays` is true of. What they give back is not told.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&mut Exchange) -> bool) {
        for (place, index) in self.places.iter_mut().zip(0..) {
            if place.taken && !stays(&mut place.exchange) {
                place.taken = false;
                self.vacant.push(index);
                let _ = place.exchange.empty();
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Exchange)> {
        let places = self.places.iter().zip(0..);
        let taken = places.filter(|(place, _)| place.taken);
        taken.map(|(Place { exchange, .. }, index)| {
            let sequence = exchange.sequence;
            (Key { index, sequence }, exchange)
        })
    }

    pub(super) fn len(&self) -> usize {
        self.places.len().saturating_sub(self.vacant.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there is memory for.
    pub(super) fn capacity(&self) -> usize {
        self.places.capacity()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        proto::v2::{
            exchange::{Callee, Role},
            receive::Effect,
        },
        wire::v2::Chunk,
    };

    fn call(sequence: u32) -> Exchange {
        Exchange::new(sequence, Role::Callee(Callee::default()), None, 256, 256)
    }

    fn sequences(exchanges: &Exchanges) -> Vec<u32> {
        exchanges.iter().map(|(key, _)| key.sequence).collect()
    }

    #[test]
    fn a_key_finds_its_call_and_not_the_next_one_in_its_place() {
        let mut exchanges = Exchanges::default();
        let keys = [7, 8, 9].map(|sequence| exchanges.insert(call(sequence)));
        assert_eq!(exchanges.len(), 3);
        for key in keys {
            assert_eq!(exchanges.get(key).unwrap().sequence, key.sequence);
        }
        assert_eq!(exchanges.remove(keys[1]), Freed::default());
        assert!(exchanges.get(keys[1]).is_none());
        assert_eq!(sequences(&exchanges), [7, 9]);

        let next = exchanges.insert(call(10));
        assert_eq!(next.index, keys[1].index, "the place is used again");
        assert!(exchanges.get_mut(keys[1]).is_none());
        assert_eq!(exchanges.remove(keys[1]), Freed::default());
        assert_eq!(sequences(&exchanges), [7, 10, 9]);
        assert_eq!(exchanges.get_mut(next).unwrap().sequence, 10);
    }

    #[test]
    fn a_place_that_was_left_holds_no_memory() {
        let mut exchanges = Exchanges::default();
        let keys = [1, 2].map(|sequence| exchanges.insert(call(sequence)));
        let payload = Bytes::from(vec![1; 20]);
        for key in keys {
            let exchange = exchanges.get_mut(key).unwrap();
            exchange.send.push(payload.clone().into());
            // All that was received is taken, and leaves memory behind.
            for _ in 0..3 {
                let chunk = Chunk {
                    payload: payload.clone(),
                    total: None,
                    inflated: None,
                };
                let received = exchange.receive.receive(Some(chunk), false, 1 << 20);
                assert_eq!(received, Ok(Effect::Progress));
            }
            for _ in 0..3 {
                assert!(exchange.receive.take().is_some());
            }
            assert!(exchange.receive.has_memory());
        }
        assert!(!payload.is_unique());
        assert_eq!(exchanges.remove(keys[0]), Freed::default());
        exchanges.retain(|_| false);
        assert!(payload.is_unique());
        let mut left = exchanges.places.iter();
        assert!(left.all(|place| !place.exchange.receive.has_memory()));
        assert!(exchanges.is_empty() && exchanges.capacity() >= 2);
    }

    #[test]
    fn places_are_left_once() {
        let mut exchanges = Exchanges::default();
        let first = exchanges.insert(call(1));
        for _ in 0..2 {
            assert_eq!(exchanges.remove(first), Freed::default());
        }
        exchanges.retain(|_| false);
        let (second, third) = (exchanges.insert(call(2)), exchanges.insert(call(3)));
        assert_ne!(second.index, third.index);
        assert_eq!(sequences(&exchanges), [2, 3]);
    }
}
