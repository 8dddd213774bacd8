//! How values are kept where Larder owns the bytes.
