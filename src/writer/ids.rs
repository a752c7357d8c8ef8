//! The ids that a transaction gives to new rows.

use crate::db::AnyConnection;
use crate::db::id_block::{IdKind, IdStock};
use crate::db::kept::KeptConnection;
use crate::error::{Error, Result};

/// Stocks of ids, one for each kind that was asked for. The blocks bound how many ids a restart leaves unused.
#[derive(Debug, Default)]
pub(crate) struct Ids(Vec<(IdKind, IdStock)>);

impl Ids {
    /// Runs `work` as one write transaction that may take ids. Ids taken in an attempt that fails are forgotten, because
    /// the table has them again: only the stock of a committed attempt is kept.
    ///
    /// # Errors
    /// As [`KeptConnection::transaction`].
    pub(crate) fn transaction<T>(
        &mut self,
        connection: &mut KeptConnection,
        mut work: impl FnMut(&mut AnyConnection, &mut Self) -> Result<T>,
    ) -> Result<T> {
        let mut stock = std::mem::take(self);
        let (value, left) = connection.transaction(|connection| {
            // The second attempt finds none.
            let mut ids = std::mem::take(&mut stock);
            Ok((work(connection, &mut ids)?, ids))
        })?;
        *self = left;
        Ok(value)
    }

    /// Makes sure that `count` ids of this kind can be taken.
    pub(super) fn refill(&mut self, connection: &mut AnyConnection, kind: IdKind, count: usize) -> Result<()> {
        let count = i64::try_from(count).map_err(Error::internal)?;
        match self.0.iter_mut().find(|(stocked, _)| *stocked == kind) {
            Some((_, stock)) => stock.refill(connection, count),
            None => {
                let mut stock = IdStock::new(kind);
                stock.refill(connection, count)?;
                self.0.push((kind, stock));
                Ok(())
            }
        }
    }

    /// The next id of this kind.
    pub(super) fn take(&mut self, kind: IdKind) -> Result<i64> {
        let stock = self.0.iter_mut().find(|(stocked, _)| *stocked == kind);
        stock.and_then(|(_, stock)| stock.take()).ok_or_else(|| Error::internal("no id in stock"))
    }
}
