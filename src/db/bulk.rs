//! Statements over a list of rows, any number of them in one statement, on each of the databases.
//!
//! SQLite and PostgreSQL get the list as a table `v` with the columns `column1`, `column2`, …: `(VALUES (…), (…)) AS v`
//! there, `unnest($1, …) AS v` with an array for each column here, whose text never changes. MySQL and MariaDB have no
//! such table in common, so each statement says how a row is written and what stands between two rows.
//!
//! Where the text grows with the list it comes in few shapes, so that each stays prepared ([`shape`]): SQLite's lists are
//! padded with rows of NULLs (statements pass them over: they join on a column, or ask for `column1 IS NOT NULL`),
//! MySQL's by repeating the last row where that is harmless. A list that cannot be padded stays prepared in every length up
//! to [`EVERY_NUMBER`]; above, lengths that are no shape are prepared each time.

use std::marker::PhantomData;

use chrono::NaiveDateTime;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamp};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl};

use super::timestamp::Stamp;
use super::{AnyConnection, each_backend};

/// One column of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
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

/// The texts of a statement.
#[derive(Debug)]
#[cfg_attr(
    not(all(feature = "mysql", feature = "postgres")),
    expect(dead_code, reason = "read only with the features")
)]
pub(crate) struct Statement {
    /// SQLite and PostgreSQL: before the list.
    pub head: &'static str,
    /// SQLite and PostgreSQL: after the list.
    pub tail: &'static str,
    /// PostgreSQL: after the tail, e.g. `FOR UPDATE`.
    pub postgres_tail: &'static str,
    /// MySQL and MariaDB.
    pub mysql: MysqlText,
}

/// `head row between row … tail`
#[derive(Debug)]
#[cfg_attr(not(feature = "mysql"), expect(dead_code, reason = "read only with the feature mysql"))]
pub(crate) struct MysqlText {
    /// Each `?` is one of the first row's last values, which all rows share.
    pub head: &'static str,
    /// One row with a `?` for each column that `head` does not take.
    pub row: &'static str,
    pub between: &'static str,
    pub tail: &'static str,
    /// Whether a row may stand in the list twice.
    pub may_repeat: bool,
}

/// A statement with its rows; `S` is what it selects.
#[derive(Debug)]
pub(crate) struct BulkStatement<'a, const N: usize, S = ()> {
    statement: &'static Statement,
    rows: Vec<[Value<'a>; N]>,
    #[cfg(feature = "postgres")]
    columns: std::cell::OnceCell<[Column<'a>; N]>,
    selects: PhantomData<S>,
}

impl<'a, const N: usize, S> BulkStatement<'a, N, S> {
    /// The list must not be empty.
    pub(crate) fn new(statement: &'static Statement, rows: impl IntoIterator<Item = [Value<'a>; N]>) -> Self {
        Self {
            statement,
            rows: rows.into_iter().collect(),
            #[cfg(feature = "postgres")]
            columns: std::cell::OnceCell::new(),
            selects: PhantomData,
        }
    }
}

/// Pushes one value, for the databases whose parameters are single values.
macro_rules! bind {
    ($out:expr, $value:expr) => {
        match $value {
            Value::BigInt(value) => $out.push_bind_param::<Nullable<BigInt>, Option<i64>>(value)?,
            Value::Integer(value) => $out.push_bind_param::<Nullable<Integer>, Option<i32>>(value)?,
            Value::Bool(value) => $out.push_bind_param::<Nullable<Bool>, Option<bool>>(value)?,
            Value::Text(value) => $out.push_bind_param::<Nullable<Text>, Option<&str>>(value)?,
            Value::Timestamp(value) => $out.push_bind_param::<Nullable<Timestamp>, Option<Stamp>>(value)?,
        }
    };
}

impl<const N: usize, S> QueryFragment<Sqlite> for BulkStatement<'_, N, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // A failed statement ends the transaction: it needs no journal of its own, into which SQLite would copy every page
        // before it changes it.
        match self.statement.head.split_once(' ') {
            Some((verb @ ("INSERT" | "UPDATE"), rest)) => {
                out.push_sql(verb);
                out.push_sql(" OR FAIL ");
                out.push_sql(rest);
            }
            _ => out.push_sql(self.statement.head),
        }
        let mut open = " (VALUES (";
        for row in &self.rows {
            for value in row {
                out.push_sql(open);
                bind!(out, value);
                open = ", ";
            }
            open = "), (";
        }
        if let Some(last) = self.rows.last() {
            for _ in self.rows.len()..shape(self.rows.len()) {
                for value in last {
                    out.push_sql(open);
                    bind!(out, null(value));
                    open = ", ";
                }
                open = "), (";
            }
        }
        out.push_sql(")) AS v ");
        out.push_sql(self.statement.tail);
        Ok(())
    }
}

/// The number of rows that a list is padded to: at most a quarter more, and four numbers between two powers of two.
const fn shape(rows: usize) -> usize {
    let step = rows.next_power_of_two() / 8;
    if step <= 1 { rows } else { rows.next_multiple_of(step) }
}

/// Of lists that cannot be padded each number of rows up to this one is kept prepared.
#[cfg(feature = "mysql")]
const EVERY_NUMBER: usize = 64;

/// A NULL of the value's type that outlives the statement.
const fn null<'b>(value: &Value<'_>) -> &'b Value<'static> {
    match value {
        Value::BigInt(_) => &Value::BigInt(None),
        Value::Integer(_) => &Value::Integer(None),
        Value::Bool(_) => &Value::Bool(None),
        Value::Text(_) => &Value::Text(None),
        Value::Timestamp(_) => &Value::Timestamp(None),
    }
}

#[cfg(feature = "mysql")]
impl<const N: usize, S> QueryFragment<diesel::mysql::Mysql> for BulkStatement<'_, N, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, diesel::mysql::Mysql>) -> QueryResult<()> {
        let text = &self.statement.mysql;
        let padding = if text.may_repeat {
            shape(self.rows.len()) - self.rows.len()
        } else {
            if self.rows.len() > EVERY_NUMBER && shape(self.rows.len()) != self.rows.len() {
                out.unsafe_to_cache_prepared();
            }
            0
        };
        let mut pieces = text.head.split('?');
        out.push_sql(pieces.next().unwrap_or_default());
        let shared = pieces.clone().count().min(N);
        for (value, piece) in self.rows.first().into_iter().flatten().skip(N - shared).zip(pieces) {
            bind!(out, value);
            out.push_sql(piece);
        }
        let mut between = " ";
        let last = self.rows.last().into_iter().cycle().take(padding);
        for row in self.rows.iter().chain(last) {
            out.push_sql(between);
            let mut pieces = text.row.split('?');
            out.push_sql(pieces.next().unwrap_or_default());
            for (value, piece) in row.iter().zip(pieces) {
                bind!(out, value);
                out.push_sql(piece);
            }
            between = text.between;
        }
        out.push_sql(" ");
        out.push_sql(text.tail);
        Ok(())
    }
}

#[cfg(feature = "postgres")]
impl<const N: usize, S> QueryFragment<diesel::pg::Pg> for BulkStatement<'_, N, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, diesel::pg::Pg>) -> QueryResult<()> {
        use diesel::sql_types::Array;

        out.push_sql(self.statement.head);
        let mut open = " unnest(";
        for column in self.columns.get_or_init(|| std::array::from_fn(|place| Column::of(&self.rows, place))) {
            out.push_sql(open);
            match column {
                Column::BigInt(values) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(values)?,
                Column::Integer(values) => out.push_bind_param::<Array<Nullable<Integer>>, _>(values)?,
                Column::Bool(values) => out.push_bind_param::<Array<Nullable<Bool>>, _>(values)?,
                Column::Text(values) => out.push_bind_param::<Array<Nullable<Text>>, _>(values)?,
                Column::Timestamp(values) => out.push_bind_param::<Array<Nullable<Timestamp>>, _>(values)?,
            }
            open = ", ";
        }
        let mut open = ") AS v (column";
        for place in 1..=N {
            out.push_sql(open);
            out.push_sql(&place.to_string());
            open = ", column";
        }
        out.push_sql(") ");
        out.push_sql(self.statement.tail);
        out.push_sql(" ");
        out.push_sql(self.statement.postgres_tail);
        Ok(())
    }
}

/// The values of one column over all rows.
#[cfg(feature = "postgres")]
#[derive(Debug)]
enum Column<'a> {
    BigInt(Vec<Option<i64>>),
    Integer(Vec<Option<i32>>),
    Bool(Vec<Option<bool>>),
    Text(Vec<Option<&'a str>>),
    Timestamp(Vec<Option<Stamp>>),
}

#[cfg(feature = "postgres")]
impl<'a> Column<'a> {
    fn of<const N: usize>(rows: &[[Value<'a>; N]], place: usize) -> Self {
        let mut column = match rows.first().and_then(|row| row.get(place)) {
            Some(Value::Integer(_)) => Self::Integer(Vec::with_capacity(rows.len())),
            Some(Value::Bool(_)) => Self::Bool(Vec::with_capacity(rows.len())),
            Some(Value::Text(_)) => Self::Text(Vec::with_capacity(rows.len())),
            Some(Value::Timestamp(_)) => Self::Timestamp(Vec::with_capacity(rows.len())),
            Some(Value::BigInt(_)) | None => Self::BigInt(Vec::with_capacity(rows.len())),
        };
        for value in rows.iter().filter_map(|row| row.get(place)) {
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

impl<const N: usize, S> QueryId for BulkStatement<'_, N, S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<const N: usize, S> Query for BulkStatement<'_, N, S> {
    type SqlType = S;
}

impl<const N: usize, S, Connection> RunQueryDsl<Connection> for BulkStatement<'_, N, S> {}

/// Runs a statement that selects nothing.
pub(crate) fn execute<const N: usize>(
    connection: &mut AnyConnection,
    statement: BulkStatement<'_, N>,
) -> QueryResult<()> {
    each_backend!(connection, connection => statement.execute(connection).map(drop))
}
