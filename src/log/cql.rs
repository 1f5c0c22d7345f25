//! The log on CQL.

mod bucket;
mod round;
