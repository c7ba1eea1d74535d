//! Removes what runs left.
