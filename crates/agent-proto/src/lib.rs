//! The protocol that agents are asked by: what is said, and how it is framed on a stream.
