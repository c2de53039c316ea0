//! Names of the ways in which the server can be broken.

/// One way in which the server can be broken.
#[derive(Clone, Copy)]
pub struct Defect(&'static DefectEntry);

/// What is known of a defect.
#[derive(Debug)]
#[non_exhaustive]
pub struct DefectEntry {
    /// The id of the check it trips, or `CHECK/variant`.
    pub id: &'static str,
    /// The id of the check it trips.
    pub check: &'static str,
    /// What the server does wrong, in one line.
    pub about: &'static str,
    /// Whether HTTP/2 cannot show it.
    pub needs_h1: bool,
    /// Path and query to point the check at.
    pub path: &'static str,
    /// Checks that cannot but trip too, because this defect implies what they look for.
    pub also: &'static [&'static str],
}

impl Defect {
    /// The defect with this id.
    pub fn find(id: &str) -> Option<Self> {
        Self::all().iter().find(|entry| entry.id == id).map(Self)
    }
    /// Every defect, in the order of the catalogue of checks.
    pub fn all() -> &'static [DefectEntry] {
        &[]
    }
    /// Its id.
    pub fn id(self) -> &'static str {
        self.0.id
    }
    /// What is known of it.
    pub fn entry(self) -> &'static DefectEntry {
        self.0
    }
}

impl std::fmt::Debug for Defect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Defect({})", self.0.id)
    }
}
