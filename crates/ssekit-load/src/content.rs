//! From content as it was sent to the parser.

use ssekit_http::{ContentDecoder, ResponseHead};
use ssekit_proto::Parser;

use crate::cause::Cause;
use crate::expectation::codings;
use crate::intake::Intake;

/// What undoes the content codings of a response; `None` where it has none.
///
/// # Errors
/// [`Cause::ContentCoding`] where one of them is not known.
pub fn decoder_of(head: &ResponseHead) -> Result<Option<Box<ContentDecoder>>, Cause> {
    let decoder = ContentDecoder::new(&codings(head)).map_err(|_| Cause::ContentCoding)?;
    Ok(decoder.map(Box::new))
}

/// Takes a piece of content.
///
/// # Errors
/// Why the stream cannot be read any further.
#[inline]
pub fn feed(
    decoder: &mut Option<Box<ContentDecoder>>,
    parser: &mut Parser,
    data: &[u8],
    intake: &mut Intake<'_>,
) -> Result<(), Cause> {
    match decoder {
        None => {
            intake.tally.count.bytes += data.len() as u64;
            if takes(parser, data, intake) {
                Ok(())
            } else {
                Err(Cause::Limit)
            }
        }
        Some(decoder) => decode(decoder, parser, data, intake),
    }
}

/// Parses a piece; whether the stream has passed no limit, neither its own nor that of all together.
#[inline]
fn takes(parser: &mut Parser, piece: &[u8], intake: &mut Intake<'_>) -> bool {
    parser.feed(piece, intake).is_ok() && intake.has_room(parser.held())
}

fn decode(
    decoder: &mut ContentDecoder,
    parser: &mut Parser,
    data: &[u8],
    intake: &mut Intake<'_>,
) -> Result<(), Cause> {
    intake.tally.count.coded_bytes += data.len() as u64;
    let mut within_limits = true;
    let decoded = decoder.decode_each(data, &mut |piece| {
        let count = &mut intake.tally.count;
        count.bytes += piece.len() as u64;
        count.decoded_bytes += piece.len() as u64;
        within_limits = within_limits && takes(parser, piece, intake);
    });
    match decoded {
        _ if !within_limits => Err(Cause::Limit),
        Ok(()) if !intake.has_room_decoded(decoder.held()) => Err(Cause::Limit),
        Ok(()) => Ok(()),
        Err(_) => Err(Cause::Undecodable),
    }
}
