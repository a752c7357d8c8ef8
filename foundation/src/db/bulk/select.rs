//! Statements that look for rows. On MySQL they name the index to look along, on SQLite the order of the tables, so that each
//! loops over the list and finds rows by an index whatever the tables hold.

use diesel::Selectable;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

use super::columns::{Columns, Selected, Source, SqlTypes, selected};
use super::statement::{MysqlText, Statement, Texts, joined, names};

/// Looks for rows of a table.
pub struct Select<S: Source> {
    /// The table's name in the texts.
    pub alias: &'static str,
    /// What is looked for.
    pub by: Columns<S>,
    /// The index to look along.
    pub index: &'static str,
    /// A condition that all rows meet, behind the table's name; empty for none.
    pub only: &'static str,
}

/// Columns of other tables that come with each row.
pub struct Joined {
    /// Their names, separated by commas.
    pub columns: &'static str,
    /// The `JOIN`s that bring their tables.
    pub tables: &'static str,
}

/// What follows the conditions.
#[derive(Default)]
struct End {
    all: String,
    postgres: String,
    mysql: &'static str,
}

impl<S: Source> Select<S> {
    /// The fields of `Row`.
    pub fn rows<Row>(self) -> Statement<S, SqlTypes<Row>>
    where
        Row: Selectable<Sqlite>,
        Row::SelectExpression: Selected,
    {
        let columns = selected::<Row>(self.alias);
        self.statement(&columns, "", &End::default())
    }

    /// The fields of `Row`, whose row stays locked until the transaction ends: on SQLite the write transaction is the lock, the
    /// servers lock in the order of the index, so that two nodes seldom wait for each other crosswise.
    pub fn locked_rows<Row>(self) -> Statement<S, SqlTypes<Row>>
    where
        Row: Selectable<Sqlite>,
        Row::SelectExpression: Selected,
    {
        let (columns, alias) = (selected::<Row>(self.alias), self.alias);
        let postgres = format!("ORDER BY {alias}.id FOR UPDATE OF {alias}");
        self.statement(&columns, "", &End { postgres, mysql: "FOR UPDATE", ..End::default() })
    }

    /// The fields of `Row`, then the columns that are joined, whose SQL types are `Others`.
    pub fn joined_rows<Row, Q>(self, others: &Joined) -> Statement<S, Q>
    where
        Row: Selectable<Sqlite>,
        Row::SelectExpression: Selected,
    {
        let columns = format!("{}, {}", selected::<Row>(self.alias), others.columns);
        self.statement(&columns, others.tables, &End::default())
    }

    /// How many rows there are for each value of `Row`; none makes no row.
    pub fn counts<Row>(self) -> Statement<S, (SqlTypes<Row>, BigInt)>
    where
        Row: Selectable<Sqlite>,
        Row::SelectExpression: Selected,
    {
        let columns = selected::<Row>(self.alias);
        let all = format!("GROUP BY {columns}");
        self.statement(&format!("{columns}, COUNT(*)"), "", &End { all, ..End::default() })
    }

    fn statement<Q>(self, columns: &str, joins: &str, end: &End) -> Statement<S, Q> {
        let Self { alias, by, index, only } = self;
        let table = by.table;
        let space = |text: &str| if text.is_empty() { String::new() } else { format!(" {text}") };
        let joins = space(joins);
        let wanted = conditions(alias, &by, |place| format!("v.column{place}"));
        let only_then = |after: &str| if only.is_empty() { String::new() } else { format!("{alias}.{only}{after}") };
        let and_only = if only.is_empty() { String::new() } else { format!(" AND {}", only_then("")) };
        let tail = format!("CROSS JOIN {table} AS {alias}{joins} WHERE {wanted}{and_only}{}", space(&end.all));
        let head = format!("SELECT {columns} FROM {table} AS {alias} FORCE INDEX ({index}){joins} WHERE");
        let (open, row, between, close) = rows_of(alias, &by);
        // Without another condition and without parentheses the list is all that is asked for.
        let (open, close) = if only.is_empty() {
            (open, close.to_owned())
        } else {
            (format!("{}({open}", only_then(" AND ")), format!("{close})"))
        };
        let end_of_mysql = format!("{close}{}{}", space(&end.all), space(end.mysql));
        let mysql = MysqlText::new(format!("{head} {open}").trim_end(), &row, between, end_of_mysql, true);
        let head = format!("SELECT {columns} FROM");
        Statement::new(&[by], Texts::new(names(&[by]), (&head, &tail), &end.postgres, mysql))
    }
}

/// MySQL's list of what is looked for: a list of keys where all columns must be equal, otherwise repeated conditions.
fn rows_of<S: Source>(alias: &str, by: &Columns<S>) -> (String, String, &'static str, &'static str) {
    if by.names.iter().any(|(_, comparison)| *comparison != "=") {
        return (String::new(), format!("({})", conditions(alias, by, |_| "?".to_owned())), " OR ", "");
    }
    let (keys, marks) = (by.names.iter().map(|(name, _)| format!("{alias}.{name}")), by.names.iter().map(|_| "?"));
    match by.names.len() {
        1 => (format!("{} IN (", joined(keys)), joined(marks), ", ", ")"),
        _ => (format!("({}) IN (", joined(keys)), format!("({})", joined(marks)), ", ", ")"),
    }
}

/// `alias.column = value AND …`
pub(super) fn conditions<S: Source>(alias: &str, by: &Columns<S>, value: impl Fn(usize) -> String) -> String {
    let conditions = by.names.iter().zip(1..);
    let conditions =
        conditions.map(|((name, comparison), place)| format!("{alias}.{name} {comparison} {}", value(place)));
    conditions.collect::<Vec<_>>().join(" AND ")
}

/// A statement whose texts are written by hand, each value by its column's name: `{seq}`.
pub struct Written<S: Source> {
    /// The columns of each row's values.
    pub columns: Columns<S>,
    /// SQLite and PostgreSQL: before the list.
    pub head: &'static str,
    /// SQLite and PostgreSQL: after the list.
    pub tail: &'static str,
    /// MySQL: before the row.
    pub mysql_head: &'static str,
    /// MySQL: the row, its values in the order of the columns.
    pub mysql_row: &'static str,
    /// MySQL: after the row.
    pub mysql_tail: &'static str,
}

impl<S: Source> Written<S> {
    /// For one row; `Q` is what it selects.
    pub fn statement<Q>(self) -> Statement<S, Q> {
        let names = names(&[self.columns]);
        let (mut head, mut row) = (self.head.to_owned(), self.mysql_row.to_owned());
        let mut before = None;
        for (name, place) in names.iter().zip(1..) {
            let written = format!("{{{name}}}");
            let found = self.mysql_row.find(&written);
            debug_assert!(found > before, "{name} is missing or not in the order of the columns");
            before = found;
            head = head.replace(&written, &format!("column{place}"));
            row = row.replace(&written, "?");
        }
        let mysql = MysqlText::new(self.mysql_head, &row, "", self.mysql_tail.to_owned(), false);
        Statement::new(&[self.columns], Texts::new(names, (&head, self.tail), "", mysql))
    }
}
