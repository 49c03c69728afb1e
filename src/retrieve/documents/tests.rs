//! Writing into a real engine.
