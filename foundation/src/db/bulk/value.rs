//! The values of a statement's rows.

use chrono::NaiveDateTime;

use crate::db::timestamp::Stamp;

/// One column of a row.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    BigInt(Option<i64>),
    Integer(Option<i32>),
    Bool(Option<bool>),
    Text(Option<&'a str>),
    Timestamp(Option<Stamp>),
}

macro_rules! from {
    ($($rust:ty => $variant:ident,)*) => {$(
        impl<'a> From<$rust> for Value<'a> {
            fn from(value: $rust) -> Self {
                Self::$variant(Some(value))
            }
        }

        impl<'a> From<Option<$rust>> for Value<'a> {
            fn from(value: Option<$rust>) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}
from! { i64 => BigInt, i32 => Integer, bool => Bool, &'a str => Text, }

impl From<NaiveDateTime> for Value<'_> {
    fn from(value: NaiveDateTime) -> Self {
        Self::Timestamp(Some(Stamp(value)))
    }
}

impl From<Option<NaiveDateTime>> for Value<'_> {
    fn from(value: Option<NaiveDateTime>) -> Self {
        Self::Timestamp(value.map(Stamp))
    }
}

/// A number for a column of text: the database writes its digits, and no row needs a string of its own.
#[derive(Clone, Copy, Debug)]
pub struct Digits(pub i64);

impl From<Digits> for Value<'_> {
    fn from(Digits(number): Digits) -> Self {
        Self::BigInt(Some(number))
    }
}

impl From<Option<Digits>> for Value<'_> {
    fn from(value: Option<Digits>) -> Self {
        Self::BigInt(value.map(|Digits(number)| number))
    }
}

/// A NULL of the value's type that outlives the statement.
pub(super) const fn null<'b>(value: &Value<'_>) -> &'b Value<'static> {
    match value {
        Value::BigInt(_) => &Value::BigInt(None),
        Value::Integer(_) => &Value::Integer(None),
        Value::Bool(_) => &Value::Bool(None),
        Value::Text(_) => &Value::Text(None),
        Value::Timestamp(_) => &Value::Timestamp(None),
    }
}

/// The values of one column over all rows.
#[cfg(feature = "postgres")]
#[derive(Debug)]
pub(super) enum Array<'a> {
    BigInt(Vec<Option<i64>>),
    Integer(Vec<Option<i32>>),
    Bool(Vec<Option<bool>>),
    Text(Vec<Option<&'a str>>),
    Timestamp(Vec<Option<Stamp>>),
}

#[cfg(feature = "postgres")]
impl<'a> Array<'a> {
    /// The column at `place` of rows that stand one after the other, `width` values each.
    pub(super) fn of(values: &[Value<'a>], place: usize, width: usize) -> Self {
        let rows = values.len() / width;
        let mut column = match values.get(place) {
            Some(Value::Integer(_)) => Self::Integer(Vec::with_capacity(rows)),
            Some(Value::Bool(_)) => Self::Bool(Vec::with_capacity(rows)),
            Some(Value::Text(_)) => Self::Text(Vec::with_capacity(rows)),
            Some(Value::Timestamp(_)) => Self::Timestamp(Vec::with_capacity(rows)),
            Some(Value::BigInt(_)) | None => Self::BigInt(Vec::with_capacity(rows)),
        };
        for value in values.iter().skip(place).step_by(width) {
            match (&mut column, value) {
                (Self::BigInt(values), Value::BigInt(value)) => values.push(*value),
                (Self::Integer(values), Value::Integer(value)) => values.push(*value),
                (Self::Bool(values), Value::Bool(value)) => values.push(*value),
                (Self::Text(values), Value::Text(value)) => values.push(*value),
                (Self::Timestamp(values), Value::Timestamp(value)) => values.push(*value),
                _ => debug_assert!(false, "a column with values of two types"),
            }
        }
        column
    }
}
