//! forensics
