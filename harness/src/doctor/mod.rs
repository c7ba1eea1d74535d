//! Says what works here.
