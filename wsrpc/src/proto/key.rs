//! How what goes on in a session is named.

/// Names a call in a session: its place, and whose turn in that place it is. A key is never given twice within a
/// session, short of four billion calls: places are used again, sequences are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(in crate::proto) index: u32,
    pub(in crate::proto) sequence: u32,
}

impl Key {
    /// The key of no call.
    pub(crate) const NONE: Self = Self {
        index: u32::MAX,
        sequence: u32::MAX,
    };

    pub(super) fn new(index: usize, sequence: u32) -> Self {
        Self {
            // Calls are owned by futures and tasks: four billion of them do not fit into memory.
            index: u32::try_from(index).unwrap_or(u32::MAX),
            sequence,
        }
    }

    pub(super) fn index(self) -> usize {
        self.index as usize
    }
}

/// Names a call that this side makes.
pub(crate) type CallKey = Key;

/// Names a call that this side answers.
pub(crate) type Slot = Key;
