//! Rows as a table for a spreadsheet: RFC 4180 in UTF-8, with the mark by which Excel knows UTF-8.

use chrono::SecondsFormat;

use super::Entry;
use crate::clock::to_timestamp;
use crate::error::{Error, Result};

/// By it spreadsheets know that a file is UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";
/// The names of the columns.
const HEAD: [&str; 10] =
    ["id", "createTime", "adminId", "actor", "action", "objectType", "objectId", "before", "after", "address"];

/// The text of a table with these rows. Times are in UTC.
///
/// # Errors
/// [`Error::Internal`], which writing to memory never brings about.
pub(super) fn table(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut table =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(BYTE_ORDER_MARK.as_bytes().to_vec());
    table.write_record(HEAD).map_err(Error::internal)?;
    for entry in entries {
        let time = to_timestamp(entry.created).and_utc().to_rfc3339_opts(SecondsFormat::Millis, true);
        let (id, admin) = (entry.id.to_string(), entry.admin.to_string());
        let text = |json: &Option<String>| defused(json.as_deref().unwrap_or_default());
        table
            .write_record([
                id,
                time,
                admin,
                defused(&entry.actor),
                defused(&entry.action),
                defused(&entry.object_type),
                defused(&entry.object_id),
                text(&entry.before),
                text(&entry.after),
                defused(&entry.address),
            ])
            .map_err(Error::internal)?;
    }
    table.into_inner().map_err(Error::internal)
}

/// A cell that no spreadsheet takes for a formula: one that begins as formulas do gets an apostrophe before it (OWASP, "CSV
/// Injection").
fn defused(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_defused() {
        let entry = Entry {
            id: 7,
            admin: 0,
            actor: "=HYPERLINK(\"http://evil\")".into(),
            action: "update".into(),
            object_type: "profile".into(),
            object_id: "-1".into(),
            before: Some(r#"{"nickname":"小红"}"#.into()),
            after: None,
            address: "192.0.2.1".into(),
            created: 1_795_233_600_000,
        };
        let text = String::from_utf8(table(&[entry]).unwrap()).unwrap();
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines[0], format!("\u{feff}{}", HEAD.join(",")));
        let row = r#"7,2026-11-21T04:00:00.000Z,0,"'=HYPERLINK(""http://evil"")",update,profile,'-1,"{""nickname"":""小红""}",,192.0.2.1"#;
        assert_eq!(lines[1..], [row, ""]);
        for text in ["+1", "-1", "@a", "\tx", "\rx", "\nx"] {
            assert!(defused(text).starts_with('\''), "{text:?}");
        }
        assert_eq!(defused("{}"), "{}");
    }
}
