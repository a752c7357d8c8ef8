//! How many sockets may be open at this node, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// The places that are left. One short lock for each socket that opens or ends.
pub(super) struct Places {
    in_all: usize,
    per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    in_all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Places {
    pub(super) fn new(in_all: usize, per_address: usize) -> Self {
        Self { in_all, per_address, taken: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, to be given back when the connection has ended.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when the address has all of its own, [`Error::Busy`] when none is left.
    pub(super) fn take(&self, address: IpAddr) -> Result<()> {
        let mut taken = self.lock();
        if taken.in_all >= self.in_all {
            return Err(Error::Busy);
        }
        let of_address = taken.by_address.entry(address).or_insert(0);
        if *of_address >= self.per_address {
            return Err(Error::TooManyRequests { retry_after_s: 1 });
        }
        *of_address += 1;
        taken.in_all += 1;
        Ok(())
    }

    /// Gives a place back.
    pub(super) fn give_back(&self, address: IpAddr) {
        let mut taken = self.lock();
        taken.in_all = taken.in_all.saturating_sub(1);
        if let Some(of_address) = taken.by_address.get_mut(&address) {
            *of_address = of_address.saturating_sub(1);
            if *of_address == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_address_and_in_all() {
        let places = Places::new(3, 2);
        let [first, second, third] = [1, 2, 3].map(|last| IpAddr::from([192, 0, 2, last]));
        assert_eq!([first, first, second].map(|address| places.take(address)), [Ok(()), Ok(()), Ok(())]);
        assert_eq!(places.take(third), Err(Error::Busy));
        places.give_back(second);
        assert_eq!(places.take(first), Err(Error::TooManyRequests { retry_after_s: 1 }));
        assert_eq!(places.take(third), Ok(()));
        for address in [first, first, third] {
            places.give_back(address);
        }
        assert!(places.lock().by_address.is_empty() && places.lock().in_all == 0);
    }
}
