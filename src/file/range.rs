//! Which part of a file a request wants (RFC 9110, sections 13 and 14).

use actix_web::HttpRequest;
use actix_web::http::header::{EntityTag, Header, IfRange, Range};

/// What to send of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it: 200.
    Whole,
    /// From the first to the last of these bytes, both included: 206.
    Bytes(u64, u64),
    /// No byte of the wanted range exists: 416.
    Unsatisfiable,
}

/// The part of a file of `size` bytes that a request wants. A range that cannot be read, is for another version of the
/// file or is one of several counts as none, as the RFC allows.
pub(super) fn wanted(request: &HttpRequest, tag: &EntityTag, size: u64) -> Part {
    let current = !request.headers().contains_key(IfRange::name())
        || matches!(IfRange::parse(request), Ok(IfRange::EntityTag(known)) if known.strong_eq(tag));
    if !current {
        return Part::Whole;
    }
    let Ok(Range::Bytes(ranges)) = Range::parse(request) else { return Part::Whole };
    match ranges.as_slice() {
        [range] => {
            range.to_satisfiable_range(size).map_or(Part::Unsatisfiable, |(first, last)| Part::Bytes(first, last))
        }
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header;
    use actix_web::test::TestRequest;

    use super::*;

    fn tag() -> EntityTag {
        EntityTag::new_strong("abc".to_owned())
    }

    fn part(range: &str) -> Part {
        wanted(&TestRequest::get().insert_header((header::RANGE, range)).to_http_request(), &tag(), 10)
    }

    #[test]
    fn single_ranges() {
        assert_eq!(part("bytes=0-3"), Part::Bytes(0, 3));
        assert_eq!(part("bytes=4-"), Part::Bytes(4, 9));
        assert_eq!(part("bytes=-3"), Part::Bytes(7, 9));
        assert_eq!(part("bytes=-30"), Part::Bytes(0, 9));
        assert_eq!(part("bytes=5-99"), Part::Bytes(5, 9));
        assert_eq!(part("bytes=10-"), Part::Unsatisfiable);
        assert_eq!(part("bytes=-0"), Part::Unsatisfiable);
    }

    #[test]
    fn what_is_no_single_range_gets_the_whole_file() {
        for range in
            ["bytes=0-1,4-5", "bytes=5-2", "bytes=", "bytes=a-b", "items=0-1", "0-1", "bytes=99999999999999999999-"]
        {
            assert_eq!(part(range), Part::Whole, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_version_is_ignored() {
        let request = |known: &str| {
            TestRequest::get()
                .insert_header((header::RANGE, "bytes=0-1"))
                .insert_header((header::IF_RANGE, known))
                .to_http_request()
        };
        assert_eq!(wanted(&request("\"abc\""), &tag(), 10), Part::Bytes(0, 1));
        assert_eq!(wanted(&request("W/\"abc\""), &tag(), 10), Part::Whole);
        assert_eq!(wanted(&request("\"other\""), &tag(), 10), Part::Whole);
        assert_eq!(wanted(&request("Sat, 29 Oct 1994 19:43:31 GMT"), &tag(), 10), Part::Whole);
    }
}
