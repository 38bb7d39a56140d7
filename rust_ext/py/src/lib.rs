//! Python bindings of `lmcodec-core`: argument checks, GIL release and error mapping, no logic.

use pyo3::prelude::*;

mod ardm;
mod bwt;
mod circuit;
mod cm;
mod coder;
mod errors;
mod graph;
mod latent;
mod lm;
mod network;
mod prior;
mod probe;
mod stop;
mod table;
mod threads;
mod transforms;

#[pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::ardm::Ardm;
    #[pymodule_export]
    use crate::bwt::{bwt_decode, bwt_encode, bwt_memory_bytes};
    #[pymodule_export]
    use crate::circuit::Circuit;
    #[pymodule_export]
    use crate::cm::{
        cm_decode, cm_decode_message, cm_encode, cm_encode_message, cm_memory_bytes, cm_probe,
    };
    #[pymodule_export]
    use crate::coder::{
        decode_bytes, encode_bytes, intervals, quantize, quantize_bits, BinaryDecoder,
        BinaryEncoder, RansStack,
    };

    #[pymodule_export]
    use crate::graph::{
        graph_decode, graph_encode, graph_is_graph, graph_lengths, graph_memory_bytes, graph_pays,
    };
    #[pymodule_export]
    use crate::latent::{latent_decode, latent_encode, latent_memory_bytes};
    #[pymodule_export]
    use crate::lm::{LanguageModel, LanguageModelBuilder, Vocabulary};
    #[pymodule_export]
    use crate::network::{
        bytelm_contexts, bytelm_decode, bytelm_decode_message, bytelm_encode,
        bytelm_encode_message, bytelm_memory_bytes, bytelm_of_windows, bytelm_to_windows, Network,
    };
    #[pymodule_export]
    use crate::prior::{Prior, PriorTrainer};
    #[pymodule_export]
    use crate::probe::is_noise;
    #[pymodule_export]
    use crate::stop::{report, set_listener, StopFlag};
    #[pymodule_export]
    use crate::table::{table_decode, table_decode_columns, table_encode, table_memory_bytes};
    #[pymodule_export]
    use crate::threads::set_threads;
    #[pymodule_export]
    use crate::transforms::{
        table_column_ends, table_join, table_measure, table_select_rows, table_split, table_survey,
        text_forward, text_inverse, text_survey, x86_forward, x86_inverse, x86_survey,
    };

    /// CRC-32 (ISO-HDLC, as in zlib) of `data`, continuing from `value`.
    #[pyfunction]
    #[pyo3(signature = (data, value = 0))]
    fn crc32(py: Python<'_>, data: &[u8], value: u32) -> u32 {
        py.detach(|| {
            let mut hasher = crc32fast::Hasher::new_with_initial(value);
            hasher.update(data);
            hasher.finalize()
        })
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        lmcodec_core::interrupt::set_hook(crate::stop::requested);
        module.add("MESSAGE_SYMBOLS", lmcodec_core::bitmodel::MESSAGE)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
