//! SQLite statements over a list of rows: `head VALUES (…), (…) tail`, any number of rows in one statement.
//!
//! A list is padded with rows of NULLs to a power of two, so that every statement comes in few shapes and each shape
//! stays prepared. Statements pass the padding over: they join on a column of it, or ask for `column1 IS NOT NULL`.

use std::marker::PhantomData;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl, SqliteConnection};

/// One row of a list; its default is all NULLs.
pub(crate) trait Row: Default {
    /// Pushes the columns as parameters, separated by commas.
    fn bind<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()>;
}

/// Defines a row: each field with its Rust type and its SQL type.
macro_rules! row {
    ($(#[$attribute:meta])* struct $name:ident<$lifetime:lifetime> { $($field:ident: $rust:ty => $sql:ty,)* }) => {
        $(#[$attribute])*
        #[derive(Default)]
        struct $name<$lifetime> {
            $($field: Option<$rust>,)*
            lifetime: std::marker::PhantomData<&$lifetime ()>,
        }

        impl<$lifetime> $crate::db::values::Row for $name<$lifetime> {
            fn bind<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::sqlite::Sqlite>,
            ) -> diesel::QueryResult<()> {
                let mut separator = "";
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<diesel::sql_types::Nullable<$sql>, Option<$rust>>(&self.$field)?;
                    separator = ", ";
                )*
                let _ = separator;
                Ok(())
            }
        }
    };
}
pub(crate) use row;

/// A statement over `rows`; `S` is what it selects.
pub(crate) struct OverRows<R, S = ()> {
    head: &'static str,
    rows: Vec<R>,
    tail: &'static str,
    selects: PhantomData<S>,
}

impl<R: Row, S> OverRows<R, S> {
    /// `head VALUES rows tail`. The list must not be empty.
    pub(crate) fn new(head: &'static str, mut rows: Vec<R>, tail: &'static str) -> Self {
        rows.resize_with(rows.len().next_power_of_two(), R::default);
        Self { head, rows, tail, selects: PhantomData }
    }
}

impl<R: Row, S> QueryFragment<Sqlite> for OverRows<R, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(self.head);
        let mut separator = " (VALUES (";
        for row in &self.rows {
            out.push_sql(separator);
            row.bind(out.reborrow())?;
            separator = "), (";
        }
        out.push_sql(")) AS v ");
        out.push_sql(self.tail);
        Ok(())
    }
}

impl<R, S> QueryId for OverRows<R, S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<R, S> Query for OverRows<R, S> {
    type SqlType = S;
}

impl<R, S> RunQueryDsl<SqliteConnection> for OverRows<R, S> {}
