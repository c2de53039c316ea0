//! Half of a surrogate pair, sent as each member.

use super::offered;
use super::tally::Tally;
use crate::{Case, EchoCase as C, Judgement, Probe as P};

/// No lone half of a surrogate pair, which JSON can ask for, becomes bytes of the stream. Nothing
/// where none was sent.
pub(in crate::check) fn surrogates(case: &Case<'_>) -> Option<Judgement> {
    let mut tally = Tally::default();
    for value in SURROGATES {
        let Some(transcript) = case.transcript(P::Echo(value)) else {
            continue;
        };
        if offered(case, &[value]).is_err() {
            continue;
        }
        let bytes = &transcript.stream().bytes;
        // U+D800 to U+DFFF as UTF-8 would have it (RFC 3629 3).
        let is_half = |three: &[u8]| three[0] == 0xed && three[1] >= 0xa0;
        if let Some(at) = bytes.windows(3).position(is_half) {
            let actual = format!("{} was encoded as it is", value.about());
            let judgement = Judgement::fail(actual);
            return Some(judgement.seen(transcript, at as u64, 3, "half a surrogate pair"));
        }
        tally.count(case, value);
    }
    (!tally.is_empty()).then(|| tally.rest())
}

const SURROGATES: [C; 5] = [
    C::DataSurrogate,
    C::TypeSurrogate,
    C::IdSurrogate,
    C::RetrySurrogate,
    C::CommentSurrogate,
];
