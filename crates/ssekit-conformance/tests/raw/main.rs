//! Servers made of chosen bytes: conforming ones of unusual kinds are not accused, broken ones are, of what
//! is broken.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod compression;
mod echo;
mod hostile;
mod origin;
mod single;
mod site;
mod unusual;
