//! Statements over a list of rows, any number of them in one statement, on each of the databases.
//!
//! SQLite and PostgreSQL get the list as a table `v` with the columns `column1`, `column2`, …: `(VALUES (…), (…)) AS v`
//! there, `unnest($1, …) AS v` with an array for each column here, whose text never changes. MySQL and MariaDB have no
//! such table in common, so each statement says how a row is written and what stands between two rows.
//!
//! No statement is written by hand. A store names columns and values ([`columns!`], `columns`) and says what is done with them
//! (`select`, `write`); the texts for each database and the order of the values follow from that, once per process. What is
//! selected is a row struct with Diesel's `Queryable` and `Selectable`, whose fields are found by their names.
//!
//! Where the text grows with the list it comes in few shapes, so that each stays prepared ([`shape`]): SQLite's lists are
//! padded with rows of NULLs (statements pass them over: they join on a column, or ask for `column1 IS NOT NULL`),
//! MySQL's by repeating the last row where that is harmless. A list that cannot be padded stays prepared in every length up
//! to [`EVERY_NUMBER`]; above, lengths that are no shape are prepared each time.

mod columns;
mod select;
mod statement;
mod value;
mod write;

use std::marker::PhantomData;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamp};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl};

pub use columns::{Columns, Source, SqlTypes, columns, name, value_of};
pub use select::{Joined, Select, Written};
pub use statement::{Statement, Texts};
pub use value::Digits;
pub(crate) use value::Value;
pub use write::{Existing, Insert, Update, UpdateWhere};

use super::timestamp::Stamp;
use super::{AnyConnection, each_backend};
use value::null;

/// A statement with its rows; `Q` is what it selects.
#[derive(Debug)]
pub struct BulkStatement<'a, Q = ()> {
    texts: &'static Texts,
    /// Row by row.
    values: Vec<Value<'a>>,
    #[cfg(feature = "postgres")]
    arrays: std::cell::OnceCell<Vec<value::Array<'a>>>,
    selects: PhantomData<Q>,
}

impl<'a, Q> BulkStatement<'a, Q> {
    const fn new(texts: &'static Texts, values: Vec<Value<'a>>) -> Self {
        Self {
            texts,
            values,
            #[cfg(feature = "postgres")]
            arrays: std::cell::OnceCell::new(),
            selects: PhantomData,
        }
    }

    fn rows(&self) -> std::slice::ChunksExact<'_, Value<'a>> {
        self.values.chunks_exact(self.texts.width)
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

impl<Q> QueryFragment<Sqlite> for BulkStatement<'_, Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let (head, tail) = &self.texts.sqlite;
        let mut open = head.as_str();
        for row in self.rows() {
            for value in row {
                out.push_sql(open);
                bind!(out, value);
                open = ", ";
            }
            open = "), (";
        }
        let rows = self.rows();
        for _ in rows.len()..shape(rows.len()) {
            for value in rows.clone().next_back().into_iter().flatten() {
                out.push_sql(open);
                bind!(out, null(value));
                open = ", ";
            }
            open = "), (";
        }
        out.push_sql(tail);
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

#[cfg(feature = "mysql")]
impl<Q> QueryFragment<diesel::mysql::Mysql> for BulkStatement<'_, Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, diesel::mysql::Mysql>) -> QueryResult<()> {
        let (text, rows) = (&self.texts.mysql, self.rows());
        let padding = if text.may_repeat {
            shape(rows.len()) - rows.len()
        } else {
            if rows.len() > EVERY_NUMBER && shape(rows.len()) != rows.len() {
                out.unsafe_to_cache_prepared();
            }
            0
        };
        let shared =
            rows.clone().next().into_iter().flatten().skip((self.texts.width + 1).saturating_sub(text.head.len()));
        push_between(&mut out, &text.head, shared)?;
        let mut between = " ";
        let last = rows.clone().next_back().into_iter().cycle().take(padding);
        for row in rows.chain(last) {
            out.push_sql(between);
            push_between(&mut out, &text.row, row.iter())?;
            between = text.between;
        }
        out.push_sql(" ");
        out.push_sql(&text.tail);
        Ok(())
    }
}

/// Pushes the pieces of a text with a value between each two of them.
#[cfg(feature = "mysql")]
fn push_between<'a, 'b: 'a, 'v: 'b>(
    out: &mut AstPass<'_, 'b, diesel::mysql::Mysql>,
    pieces: &'b [String],
    mut values: impl Iterator<Item = &'b Value<'v>>,
) -> QueryResult<()> {
    let mut pieces = pieces.iter();
    out.push_sql(pieces.next().map_or("", String::as_str));
    for piece in pieces {
        if let Some(value) = values.next() {
            bind!(out, value);
        }
        out.push_sql(piece);
    }
    Ok(())
}

#[cfg(feature = "postgres")]
impl<Q> QueryFragment<diesel::pg::Pg> for BulkStatement<'_, Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, diesel::pg::Pg>) -> QueryResult<()> {
        use diesel::sql_types::Array;

        let ((head, tail), width) = (&self.texts.postgres, self.texts.width);
        let arrays = || (0..width).map(|place| value::Array::of(&self.values, place, width)).collect();
        let mut open = head.as_str();
        for array in self.arrays.get_or_init(arrays) {
            out.push_sql(open);
            match array {
                value::Array::BigInt(values) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(values)?,
                value::Array::Integer(values) => out.push_bind_param::<Array<Nullable<Integer>>, _>(values)?,
                value::Array::Bool(values) => out.push_bind_param::<Array<Nullable<Bool>>, _>(values)?,
                value::Array::Text(values) => out.push_bind_param::<Array<Nullable<Text>>, _>(values)?,
                value::Array::Timestamp(values) => out.push_bind_param::<Array<Nullable<Timestamp>>, _>(values)?,
            }
            open = ", ";
        }
        out.push_sql(tail);
        Ok(())
    }
}

impl<Q> QueryId for BulkStatement<'_, Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for BulkStatement<'_, Q> {
    type SqlType = Q;
}

impl<Q, Connection> RunQueryDsl<Connection> for BulkStatement<'_, Q> {}

/// Runs a statement that selects nothing.
pub fn execute(connection: &mut AnyConnection, statement: BulkStatement<'_>) -> QueryResult<()> {
    each_backend!(connection, connection => statement.execute(connection).map(drop))
}

/// The texts as the databases get them, for tests and for the benchmark.
impl Texts {
    /// The columns of a row, in the order of their values.
    pub fn columns(&self) -> &[&'static str] {
        &self.names
    }

    /// SQLite's text for a list of `rows`, or of a few more with which it is padded.
    pub fn sqlite(&'static self, rows: usize) -> Result<String, String> {
        self.text::<Sqlite>(rows, &Sqlite)
    }

    /// MySQL's and MariaDB's.
    #[cfg(feature = "mysql")]
    pub fn mysql(&'static self, rows: usize) -> Result<String, String> {
        self.text(rows, &diesel::mysql::Mysql)
    }

    /// PostgreSQL's, the same for any number of rows.
    #[cfg(feature = "postgres")]
    pub fn postgres(&'static self, rows: usize) -> Result<String, String> {
        self.text(rows, &diesel::pg::Pg)
    }

    fn text<DB>(&'static self, rows: usize, backend: &DB) -> Result<String, String>
    where
        DB: diesel::backend::Backend,
        DB::QueryBuilder: Default,
        BulkStatement<'static>: QueryFragment<DB>,
    {
        let mut text = DB::QueryBuilder::default();
        let statement = BulkStatement::<()>::new(self, vec![Value::BigInt(None); rows * self.width]);
        statement.to_sql(&mut text, backend).map_err(|error| error.to_string())?;
        Ok(diesel::query_builder::QueryBuilder::finish(text))
    }
}
