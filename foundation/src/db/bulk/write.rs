//! Statements that write rows.

use super::columns::{Columns, Source};
use super::select::conditions;
use super::statement::{MysqlText, Statement, Texts, joined, names, table};

/// Inserts rows.
pub struct Insert<'t, S: Source> {
    /// What a row has a value for.
    pub columns: &'t [Columns<S>],
    /// Columns, each with one of the above whose value it gets, too.
    pub copies: &'t [(&'static str, &'static str)],
    /// Columns with an SQL text that is the same in all rows.
    pub constants: &'t [(&'static str, &'static str)],
    /// Rows that are there already stay as they are; otherwise they are a fault.
    pub existing: Option<Existing>,
}

/// How a row is known that is there already.
pub struct Existing {
    /// SQLite and PostgreSQL: the columns of the unique index, in parentheses; empty for any.
    pub conflict: &'static str,
    /// MySQL: a column that is set to itself. `INSERT IGNORE` would hide other faults, too.
    pub unchanged: &'static str,
}

impl<S: Source> Insert<'_, S> {
    /// Its texts.
    pub fn statement(self) -> Statement<S> {
        let (table, names) = (table(self.columns), names(self.columns));
        let place = |of: &str| names.iter().position(|name| *name == of).map_or(0, |place| place + 1);
        debug_assert!(self.copies.iter().all(|(_, of)| place(of) > 0), "a copy of a column that is not there");
        let others = || self.copies.iter().chain(self.constants);
        let all = joined(names.iter().chain(others().map(|(name, _)| name)));
        let constants = || self.constants.iter().map(|(_, text)| (*text).to_owned());
        let by_place = self.copies.iter().map(|(_, of)| format!("column{}", place(of))).chain(constants());
        let by_name = self.copies.iter().map(|(_, of)| (*of).to_owned()).chain(constants());
        let marks = names.iter().map(|_| "?".to_owned());
        let head = format!(
            "INSERT INTO {table} ({all}) SELECT {} FROM",
            joined(["v.*".to_owned()].into_iter().chain(by_place))
        );
        let mut tail = "WHERE column1 IS NOT NULL".to_owned();
        let mut mysql_tail = String::new();
        if let Some(Existing { conflict, unchanged }) = &self.existing {
            let space = if conflict.is_empty() { "" } else { " " };
            tail = format!("{tail} ON CONFLICT{space}{conflict} DO NOTHING");
            mysql_tail = format!("ON DUPLICATE KEY UPDATE {table}.{unchanged} = {table}.{unchanged}");
        }
        let mysql = MysqlText::new(
            &format!("INSERT INTO {table} ({all}) VALUES"),
            &format!("({})", joined(marks.chain(by_name))),
            ", ",
            mysql_tail,
            self.existing.is_some(),
        );
        Statement::new(self.columns, Texts::new(names, (&head, &tail), "", mysql))
    }
}

/// Gives rows that are there and locked new values.
pub struct Update<'t, S: Source> {
    /// The column that a row is found by.
    pub key: Columns<S>,
    /// What changes.
    pub set: &'t [Columns<S>],
    /// Columns that change to the same SQL text in all rows.
    pub constants: &'t [(&'static str, &'static str)],
    /// The table's columns that must have a value and have none by default, each with any. Inserting over rows is the one
    /// multi-row update that MariaDB and MySQL share; these values are those of a row that is never inserted.
    pub required: &'t [(&'static str, &'static str)],
}

impl<S: Source> Update<'_, S> {
    /// Its texts.
    pub fn statement(self) -> Statement<S> {
        let columns: Vec<Columns<S>> = [self.key].into_iter().chain(self.set.iter().copied()).collect();
        let (table, names, key) = (table(&columns), names(&columns), names(&[self.key]));
        let set = names.iter().enumerate().skip(key.len());
        let constants = || self.constants.iter().map(|(name, text)| format!("{name} = {text}"));
        let by_place = set.clone().map(|(place, name)| format!("{name} = v.column{}", place + 1)).chain(constants());
        let by_name = set.map(|(_, name)| format!("{name} = VALUES({name})")).chain(constants());
        let key = joined(key.iter().enumerate().map(|(place, key)| format!("{table}.{key} = v.column{}", place + 1)));
        let required = || self.required.iter().filter(|(name, _)| !names.contains(name));
        let marks = names.iter().map(|_| "?").chain(required().map(|(_, text)| *text));
        let mysql = MysqlText::new(
            &format!("INSERT INTO {table} ({}) VALUES", joined(names.iter().chain(required().map(|(name, _)| name)))),
            &format!("({})", joined(marks)),
            ", ",
            format!("ON DUPLICATE KEY UPDATE {}", joined(by_name)),
            true,
        );
        let head = format!("UPDATE {table} SET {} FROM", joined(by_place));
        let texts = Texts::new(names.clone(), (&head, &format!("WHERE {key}")), "", mysql);
        Statement::new(&columns, texts)
    }
}

/// Sets columns of all rows that are looked for to the same values.
pub struct UpdateWhere<'t, S: Source> {
    /// The table's name in MySQL's text.
    pub alias: &'static str,
    /// What is looked for.
    pub by: Columns<S>,
    /// The index to look along.
    pub index: &'static str,
    /// A condition that all rows meet, behind the table's name.
    pub only: &'static str,
    /// Columns that change to an SQL text.
    pub constants: &'t [(&'static str, &'static str)],
    /// Columns that change to a value that all rows of the list share.
    pub shared: Columns<S>,
}

impl<S: Source> UpdateWhere<'_, S> {
    /// Its texts.
    pub fn statement(self) -> Statement<S> {
        let Self { alias, by, index, only, constants, shared } = self;
        let columns = [by, shared];
        let (table, names) = (table(&columns), names(&columns));
        let set = |before: &str, value: &dyn Fn(usize) -> String| {
            let constants = constants.iter().map(|(name, text)| format!("{before}{name} = {text}"));
            let shared = shared.names.iter().zip(by.names.len() + 1..);
            joined(constants.chain(shared.map(|((name, _), place)| format!("{before}{name} = {}", value(place)))))
        };
        let by_place = set("", &|place| format!("v.column{place}"));
        let head = format!("UPDATE {table} SET {by_place} FROM");
        let wanted = conditions(table, &by, |place| format!("v.column{place}"));
        let tail = format!("WHERE {wanted} AND {table}.{only}");
        let by_mark = set(&format!("{alias}."), &|_| "?".to_owned());
        let mysql = MysqlText::new(
            &format!("UPDATE {table} AS {alias} FORCE INDEX ({index}) SET {by_mark} WHERE {alias}.{only} AND ("),
            &format!("({})", conditions(alias, &by, |_| "?".to_owned())),
            " OR ",
            ")".to_owned(),
            true,
        );
        Statement::new(&columns, Texts::new(names, (&head, &tail), "", mysql))
    }
}
