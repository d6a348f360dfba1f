//! What is counted while a load is carried.
