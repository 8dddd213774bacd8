//! What a filter compares with.

/// A value to compare with. Made by `into` from integers, floats, text, bytes and booleans.
///
/// Integers and floats are one kind: `1` and `1.0` are equal. Every other kind equals its own only.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Also what CBOR calls `undefined`.
    Null,
    /// True or false.
    Bool(bool),
    /// From -2^64 to 2^64 - 1, as in CBOR; [`compile`](crate::Filter::compile) refuses others.
    Int(i128),
    /// Infinities are allowed, but [`compile`](crate::Filter::compile) refuses what is not a number.
    Float(f64),
    /// Compared byte by byte: nothing is folded or normalised.
    Text(String),
    /// Also a big integer of CBOR: tags are looked through.
    Bytes(Vec<u8>),
}

macro_rules! from {
    ($($from:ty => |$it:ident| $to:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($it: $from) -> Value {
                $to
            }
        })*
    };
}

from! {
    bool => |it| Value::Bool(it);
    i8 => |it| Value::Int(it.into());
    i16 => |it| Value::Int(it.into());
    i32 => |it| Value::Int(it.into());
    i64 => |it| Value::Int(it.into());
    i128 => |it| Value::Int(it);
    u8 => |it| Value::Int(it.into());
    u16 => |it| Value::Int(it.into());
    u32 => |it| Value::Int(it.into());
    u64 => |it| Value::Int(it.into());
    f32 => |it| Value::Float(it.into());
    f64 => |it| Value::Float(it);
    &str => |it| Value::Text(it.to_owned());
    String => |it| Value::Text(it);
    &[u8] => |it| Value::Bytes(it.to_vec());
    Vec<u8> => |it| Value::Bytes(it);
}
