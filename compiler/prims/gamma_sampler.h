// The computation that random_gamma stands for, as a jaxpr.
#pragma once

#include "ir/jaxpr.h"
#include "jaxc/types.h"

namespace jaxc::compiler {

/// { lambda ; keys:key<fry>[...] shape_parameters. let ... in (samples,) }: Marsaglia and Tsang's rejection sampler
/// (2000) with JAX's use of keys, so that the samples are JAX's. With `log_space` their logarithms. `samples` is the
/// type of the shape parameters and of the result; its leading axes are `keys`.
ir::Jaxpr gamma_sampler(const Shape& keys, const Type& samples, bool log_space);

}  // namespace jaxc::compiler
