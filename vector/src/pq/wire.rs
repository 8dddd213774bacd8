//! A codebook as an object.

use bytes::Bytes;
use larder_store_core::Result;

use super::{CENTROIDS, Codebook, MAX_SUBS};
use crate::bytes::{Reader, write_f32s};
use crate::envelope::{self, Kind};

impl Codebook {
    /// The object of this codebook, which is to stand under `name`.
    pub(crate) fn to_object(&self, name: &str) -> Bytes {
        let mut body = Vec::new();
        for n in [self.dims, self.width] {
            body.extend_from_slice(&(n as u32).to_le_bytes());
        }
        write_f32s(&mut body, &self.centroids);
        envelope::seal(Kind::Codebook, name, &body)
    }

    /// The codebook that stands under `name`.
    ///
    /// # Errors
    /// `Corrupt` for an object that is none.
    pub(crate) fn from_object(name: &str, object: &Bytes) -> Result<Codebook> {
        let body = envelope::open(Kind::Codebook, name, object)?;
        let mut reader = Reader::new(&body, "a codebook");
        let (dims, width) = (reader.u32()? as usize, reader.u32()? as usize);
        if dims == 0 || width == 0 || width > dims || dims.div_ceil(width) > MAX_SUBS {
            return Err(reader.damaged("its stretches are none"));
        }
        let centroids = reader.f32s(dims.div_ceil(width) * width * CENTROIDS)?;
        reader.end()?;
        if !centroids.iter().all(|x| x.is_finite()) {
            return Err(reader.damaged("a centroid is no number"));
        }
        Ok(Codebook::new(dims, width, centroids))
    }
}
