//! The content of a request.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// Content to send: bytes that are shared, or pieces that are made when their turn comes, so that
/// content of any length takes the memory of one piece.
#[derive(Clone)]
pub struct Upload {
    len: u64,
    pieces: Pieces,
}

#[derive(Clone)]
enum Pieces {
    Whole(Bytes),
    Made(Arc<dyn Fn(u64) -> Bytes + Send + Sync>),
}

impl Upload {
    /// Content of `len` bytes, made piece by piece: `piece` is given how many bytes went before, and
    /// gives at least one of those that follow. What goes beyond `len` is left out; an empty piece ends
    /// the content early, which breaks the request off. It is asked for a piece when the one before was
    /// handed to the connection.
    pub fn made(len: u64, piece: impl Fn(u64) -> Bytes + Send + Sync + 'static) -> Self {
        Self {
            len,
            pieces: Pieces::Made(Arc::new(piece)),
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no content.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of it.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(piece) = self.piece(all.len() as u64) {
            all.extend_from_slice(&piece);
        }
        all
    }

    /// All of it, where it is bytes already.
    pub(crate) fn whole(&self) -> Option<&Bytes> {
        match &self.pieces {
            Pieces::Whole(bytes) => Some(bytes),
            Pieces::Made(_) => None,
        }
    }

    /// What follows the first `at` bytes; `None` at the end.
    pub(crate) fn piece(&self, at: u64) -> Option<Bytes> {
        let left = usize::try_from(self.len.checked_sub(at)?).unwrap_or(usize::MAX);
        let mut piece = match &self.pieces {
            // `at` is within bytes that are in memory.
            Pieces::Whole(bytes) => bytes.slice(bytes.len() - left..),
            Pieces::Made(make) if left > 0 => make(at),
            Pieces::Made(_) => Bytes::new(),
        };
        piece.truncate(left);
        (!piece.is_empty()).then_some(piece)
    }
}

impl From<Vec<u8>> for Upload {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            len: bytes.len() as u64,
            pieces: Pieces::Whole(bytes.into()),
        }
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upload({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other_to_the_length() {
        let made = Upload::made(10, |at| Bytes::from(vec![at as u8; 4]));
        assert_eq!(made.to_vec(), [0, 0, 0, 0, 4, 4, 4, 4, 8, 8]);
        assert_eq!(Upload::from(b"whole".to_vec()).to_vec(), b"whole");
        assert!(Upload::from(Vec::new()).to_vec().is_empty());
        let short = Upload::made(10, |at| Bytes::from(vec![1; usize::from(at == 0)]));
        assert_eq!(short.to_vec(), [1]);
    }
}
