//! Lists of columns: each column with its place in a statement, its type and its value, in one line. Names and types are
//! those of [`crate::db::schema`], so that a wrong one does not compile, and nothing agrees by its place only.

use chrono::NaiveDateTime;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamp};
use diesel::sqlite::Sqlite;
use diesel::{Column, Expression, Selectable};

use super::value::{Digits, Value};

/// What a list takes its values from. A type with a lifetime is named with `'static` and stands for every lifetime.
pub trait Source {
    /// The type with this lifetime.
    type Of<'a>;
}

/// Columns of one table, each with the value that a source has for it. [`columns!`] writes it.
pub struct Columns<S: Source> {
    pub(super) table: &'static str,
    /// Names, and how a column that is looked for compares with its value.
    pub(super) names: &'static [(&'static str, &'static str)],
    /// Adds the values of one row, in the order of the names.
    pub(super) push: for<'a> fn(&S::Of<'a>, &mut Vec<Value<'a>>),
}

impl<S: Source> Clone for Columns<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Source> Copy for Columns<S> {}

impl<S: Source> Columns<S> {
    /// Only [`columns!`] calls it.
    pub const fn new(
        table: &'static str,
        names: &'static [(&'static str, &'static str)],
        push: for<'a> fn(&S::Of<'a>, &mut Vec<Value<'a>>),
    ) -> Self {
        Self { table, names, push }
    }
}

/// Declares lists: `const NAME: table, source: Type { column = value, … }`. In a list of what is looked for, `=` may be
/// another comparison.
#[macro_export]
macro_rules! columns {
    ($(
        $(#[$doc:meta])*
        $visibility:vis const $name:ident: $table:ident, $row:pat_param in $source:ty {
            $($column:ident $comparison:tt $value:expr),+ $(,)?
        }
    )+) => {$(
        $(#[$doc])*
        $visibility const $name: $crate::db::bulk::Columns<$source> = {
            use $crate::db::schema::$table as table;

            $crate::db::bulk::Columns::new(
                stringify!($table),
                &[$(($crate::db::bulk::name(table::$column), stringify!($comparison))),+],
                |$row, values| values.extend([$($crate::db::bulk::value_of(table::$column, $value)),+]),
            )
        };
    )+};
}
pub use columns;

/// A Rust type whose values a column of this SQL type takes.
pub trait Fits<SqlType> {}

macro_rules! fits {
    ($($rust:ty => $sql:ty,)*) => {$(
        impl Fits<$sql> for $rust {}
        impl Fits<Nullable<$sql>> for $rust {}
        impl Fits<Nullable<$sql>> for Option<$rust> {}
        // Of a column that only some statements store. Where it is stored without a value, the database refuses it.
        impl Fits<$sql> for Option<$rust> {}
    )*};
}
fits! { i64 => BigInt, i32 => Integer, bool => Bool, &str => Text, Digits => Text, NaiveDateTime => Timestamp, }

/// The value for a column of its type.
pub fn value_of<'a, C, V>(_: C, value: V) -> Value<'a>
where
    C: Expression,
    V: Fits<C::SqlType> + Into<Value<'a>>,
{
    value.into()
}

/// A column's name.
pub const fn name<C: Column + Copy>(_: C) -> &'static str {
    C::NAME
}

/// The SQL types of what a row selects.
pub type SqlTypes<Row> = <<Row as Selectable<Sqlite>>::SelectExpression as Expression>::SqlType;

/// The columns that a row selects, in the order of its fields, behind an alias of their table.
pub(super) fn selected<Row>(alias: &str) -> String
where
    Row: Selectable<Sqlite>,
    Row::SelectExpression: Selected,
{
    let mut names = Vec::new();
    Row::SelectExpression::names(&mut names);
    names.iter().map(|name| format!("{alias}.{name}")).collect::<Vec<_>>().join(", ")
}

/// A tuple of columns, as Diesel derives it from a row's fields.
pub trait Selected {
    /// Adds their names.
    fn names(names: &mut Vec<&'static str>);
}

macro_rules! selected {
    ($first:ident $($rest:ident)*) => {
        impl<$first: Column, $($rest: Column),*> Selected for ($first, $($rest,)*) {
            fn names(names: &mut Vec<&'static str>) {
                names.extend([$first::NAME, $($rest::NAME),*]);
            }
        }
        selected! { $($rest)* }
    };
    () => {};
}
selected! { A B C D E F G H I J K L M N O P Q R S T U V W X Y Z Aa Bb Cc Dd }
