//! Vectors: dense, sparse, and several dense ones as one.

use qdrant_client::qdrant::vector::Vector as Given;
use qdrant_client::qdrant::vector_input::Variant;
use qdrant_client::qdrant::vector_output::Vector as Shown;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::vectors_output::VectorsOptions as ShownOptions;
use qdrant_client::qdrant::{
    DenseVector, MultiDenseVector, NamedVectorsOutput, SparseVector, VectorInput, VectorOutput,
    Vectors, VectorsOutput,
};
use qdrant_edge::{NamedVectors, Vector, VectorInternal, VectorStructInternal};
use tonic::Status;

use crate::qdrant::errors::{engine, unserved};

/// The vectors of a point.
pub(in super::super) fn read_named(vectors: Option<Vectors>) -> Result<NamedVectors, Status> {
    let named = match vectors.and_then(|vectors| vectors.vectors_options) {
        None => return Ok(NamedVectors::default()),
        Some(VectorsOptions::Vector(_)) => return Err(unserved("vectors without a name")),
        Some(VectorsOptions::Vectors(named)) => named.vectors,
    };
    named.into_iter().try_fold(NamedVectors::default(), |vectors, (name, vector)| {
        let vector = match vector.vector {
            Some(Given::Dense(dense)) => read_dense(dense),
            Some(Given::Sparse(sparse)) => read_sparse(sparse)?,
            Some(Given::MultiDense(multi)) => read_multi(multi)?,
            Some(_) => return Err(unserved("inference")),
            None => return Err(unserved("vectors in the deprecated form")),
        };
        Ok(vectors.add_vector(name, vector))
    })
}

/// The vector of a query.
pub(in super::super) fn read_query(vector: VectorInput) -> Result<VectorInternal, Status> {
    let vector = match vector.variant {
        Some(Variant::Dense(dense)) => read_dense(dense),
        Some(Variant::Sparse(sparse)) => read_sparse(sparse)?,
        Some(Variant::MultiDense(multi)) => read_multi(multi)?,
        Some(Variant::Id(_)) => return Err(unserved("queries by a point's id")),
        Some(_) => return Err(unserved("inference")),
        None => return Err(Status::invalid_argument("VectorInput variant is missing")),
    };
    Ok(vector.into())
}

fn read_dense(dense: DenseVector) -> Vector {
    Vector::new_dense(dense.data)
}

fn read_sparse(sparse: SparseVector) -> Result<Vector, Status> {
    Vector::new_sparse(sparse.indices, sparse.values).map_err(engine)
}

fn read_multi(multi: MultiDenseVector) -> Result<Vector, Status> {
    let vectors: Vec<Vec<f32>> = multi.vectors.into_iter().map(|vector| vector.data).collect();
    Vector::new_multi(vectors).map_err(engine)
}

/// The vectors of a point that is shown.
pub(in super::super) fn write(vectors: VectorStructInternal) -> VectorsOutput {
    let VectorStructInternal::Named(named) = vectors else {
        unreachable!("no collection is made with a vector that has no name");
    };
    let vectors = named
        .into_iter()
        .map(|(name, vector)| {
            (name, VectorOutput { vector: Some(shown(vector)), ..VectorOutput::default() })
        })
        .collect();
    VectorsOutput { vectors_options: Some(ShownOptions::Vectors(NamedVectorsOutput { vectors })) }
}

fn shown(vector: VectorInternal) -> Shown {
    match vector {
        VectorInternal::Dense(data) => Shown::Dense(DenseVector { data }),
        VectorInternal::Sparse(sparse) => {
            Shown::Sparse(SparseVector { values: sparse.values, indices: sparse.indices })
        }
        VectorInternal::MultiDense(multi) => {
            let vectors = multi.into_multi_vectors().into_iter().map(|data| DenseVector { data });
            Shown::MultiDense(MultiDenseVector { vectors: vectors.collect() })
        }
    }
}
