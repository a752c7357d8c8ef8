//! The texts of a statement, made once from its lists of columns.

use std::marker::PhantomData;

use super::BulkStatement;
use super::columns::{Columns, Source};

/// A statement whose rows are made from `S`; `Q` is what it selects. Kept in a `LazyLock`, so that its texts are made once.
pub struct Statement<S: Source, Q = ()> {
    texts: Texts,
    columns: Vec<Columns<S>>,
    selects: PhantomData<fn() -> Q>,
}

impl<S: Source, Q> Statement<S, Q> {
    pub(super) fn new(columns: &[Columns<S>], texts: Texts) -> Self {
        Self { texts, columns: columns.to_vec(), selects: PhantomData }
    }

    /// The statement for these rows, which must not be none.
    pub fn with_rows<'a>(&'static self, rows: impl IntoIterator<Item = S::Of<'a>>) -> BulkStatement<'a, Q> {
        let rows = rows.into_iter();
        let mut values = Vec::with_capacity(rows.size_hint().0 * self.texts.width);
        for row in rows {
            for columns in &self.columns {
                (columns.push)(&row, &mut values);
            }
        }
        BulkStatement::new(&self.texts, values)
    }

    /// The texts, for tests and for the benchmark, which runs them by another driver.
    pub const fn texts(&'static self) -> &'static Texts {
        &self.texts
    }
}

/// A statement's text for each of the databases, in pieces between which its rows stand.
#[derive(Debug)]
#[cfg_attr(
    not(all(feature = "mysql", feature = "postgres")),
    expect(dead_code, reason = "read only with the features")
)]
pub struct Texts {
    /// The columns of a row.
    pub(super) names: Vec<&'static str>,
    /// How many these are.
    pub(super) width: usize,
    /// Before and after the list of rows.
    pub(super) sqlite: (String, String),
    /// Before and after the arrays.
    pub(super) postgres: (String, String),
    pub(super) mysql: MysqlText,
}

/// `head row between row … tail`
#[derive(Debug)]
#[cfg_attr(not(feature = "mysql"), expect(dead_code, reason = "read only with the feature mysql"))]
pub(super) struct MysqlText {
    /// What stands around each of the first row's last values, which all rows share.
    pub head: Vec<String>,
    /// What stands around each of the row's values that `head` does not take.
    pub row: Vec<String>,
    pub between: &'static str,
    pub tail: String,
    /// Whether a row may stand in the list twice.
    pub may_repeat: bool,
}

impl MysqlText {
    /// A `?` in `head` and `row` stands for a value.
    pub(super) fn new(head: &str, row: &str, between: &'static str, tail: String, may_repeat: bool) -> Self {
        let pieces = |text: &str| text.split('?').map(str::to_owned).collect();
        Self { head: pieces(head), row: pieces(row), between, tail, may_repeat }
    }
}

impl Texts {
    /// `head` and `tail` stand around the list `v` on SQLite and PostgreSQL.
    pub(super) fn new(
        names: Vec<&'static str>,
        (head, tail): (&str, &str),
        postgres_tail: &str,
        mysql: MysqlText,
    ) -> Self {
        // A failed statement ends the transaction: it needs no journal of its own, into which SQLite would copy every page
        // before it changes it.
        let sqlite_head = match head.split_once(' ') {
            Some((verb @ ("INSERT" | "UPDATE"), rest)) => format!("{verb} OR FAIL {rest}"),
            _ => head.to_owned(),
        };
        let columns = joined((1..=names.len()).map(|place| format!("column{place}")));
        Self {
            width: names.len(),
            names,
            sqlite: (format!("{sqlite_head} (VALUES ("), format!(")) AS v {tail}")),
            postgres: (format!("{head} unnest("), format!(") AS v ({columns}) {tail} {postgres_tail}")),
            mysql,
        }
    }
}

/// The names of several lists, one after the other.
pub(super) fn names<S: Source>(columns: &[Columns<S>]) -> Vec<&'static str> {
    columns.iter().flat_map(|columns| columns.names).map(|(name, _)| *name).collect()
}

/// The table of a statement's lists.
pub(super) fn table<S: Source>(columns: &[Columns<S>]) -> &'static str {
    let table = columns.first().map_or("", |columns| columns.table);
    debug_assert!(columns.iter().all(|columns| columns.table == table), "lists of several tables");
    table
}

/// With commas in between.
pub(super) fn joined<T: ToString>(parts: impl IntoIterator<Item = T>) -> String {
    parts.into_iter().map(|part| part.to_string()).collect::<Vec<_>>().join(", ")
}
