//! The fields of a protobuf message, one after the other.

/// Groups within one another that are skipped, as in prost.
const MAX_DEPTH: usize = 100;

/// Why bytes are not protobuf of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("it is cut off")]
    CutOff,
    #[error("a number has more than 64 bits")]
    Number,
    #[error("a field does not begin with a key")]
    Key,
    #[error("a group does not end as it began")]
    Group,
    #[error("groups are within one another more than {MAX_DEPTH} deep")]
    Depth,
    #[error("a field has another type than in the schema")]
    Type,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Something that no field of the schema holds.
    Other,
}

impl<'a> Value<'a> {
    #[inline(always)]
    pub(crate) fn number(self) -> Result<u64, Malformed> {
        match self {
            Self::Number(number) => Ok(number),
            _ => Err(Malformed::Type),
        }
    }

    /// As protobuf reads a `uint32`.
    #[inline(always)]
    pub(crate) fn short_number(self) -> Result<u32, Malformed> {
        Ok(self.number()? as u32)
    }

    #[inline(always)]
    pub(crate) fn flag(self) -> Result<bool, Malformed> {
        Ok(self.number()? != 0)
    }

    #[inline(always)]
    pub(crate) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed::Type),
        }
    }
}

/// Reads fields, each with its number. After an error there are none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether all of them were read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline(always)]
    fn field(&mut self) -> Result<(u32, Value<'a>), Malformed> {
        let (number, wire_type) = self.key()?;
        let value = match wire_type {
            0 => Value::Number(self.varint()?),
            2 => Value::Bytes(self.delimited()?),
            _ => {
                self.skip(number, wire_type, MAX_DEPTH)?;
                Value::Other
            }
        };
        Ok((number, value))
    }

    #[inline(always)]
    fn key(&mut self) -> Result<(u32, u32), Malformed> {
        match self.rest.split_first() {
            Some((&key @ 8..0x80, rest)) => {
                self.rest = rest;
                Ok(((key >> 3).into(), (key & 7).into()))
            }
            _ => self.long_key(),
        }
    }

    #[inline(never)]
    fn long_key(&mut self) -> Result<(u32, u32), Malformed> {
        match u32::try_from(self.varint()?) {
            Ok(key @ 8..) => Ok((key >> 3, key & 7)),
            _ => Err(Malformed::Key),
        }
    }

    #[inline(always)]
    fn delimited(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.varint()?;
        self.take(usize::try_from(len).map_err(|_| Malformed::CutOff)?)
    }

    #[inline(always)]
    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed::CutOff)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Skips what is behind a key.
    #[cold]
    fn skip(&mut self, number: u32, wire_type: u32, depth: usize) -> Result<(), Malformed> {
        match wire_type {
            0 => self.varint().map(drop),
            1 => self.take(8).map(drop),
            2 => self.delimited().map(drop),
            3 => self.skip_group(number, depth),
            4 => Err(Malformed::Group),
            5 => self.take(4).map(drop),
            _ => Err(Malformed::Key),
        }
    }

    fn skip_group(&mut self, group: u32, depth: usize) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed::Depth)?;
        loop {
            let (number, wire_type) = self.key()?;
            if wire_type == 4 && number == group {
                return Ok(());
            }
            self.skip(number, wire_type, depth)?;
        }
    }

    /// Most numbers have one byte.
    #[inline(always)]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut bytes = self.rest.iter();
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let &byte = bytes.next().ok_or(Malformed::CutOff)?;
            let bits = u64::from(byte & 0x7f);
            value |= bits.wrapping_shl(shift);
            if byte < 0x80 {
                self.rest = bytes.as_slice();
                // Of the tenth byte one bit is left.
                let fits = bits.wrapping_shl(shift).wrapping_shr(shift) == bits;
                return if fits {
                    Ok(value)
                } else {
                    Err(Malformed::Number)
                };
            }
        }
        Err(Malformed::Number)
    }
}
