//! The crate's tests, in one binary: what the wire looks like, and what the codec does with
//! what is not like that.

#[cfg(test)]
mod vectors;
