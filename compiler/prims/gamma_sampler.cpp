// Implements gamma_sampler: a text in JAX's grammar, for one dtype and shape.
#include "compiler/prims/gamma_sampler.h"

#include <fmt/format.h>

#include "ir/parser.h"
#include "jaxc/error.h"

namespace jaxc::compiler {

namespace {

/// How a float in [1, 2) is made of random bits.
struct Bits {
  int drawn;            ///< random bits
  int width;            ///< of the float
  int dropped;          ///< of the bits, so that the significand's remain
  std::uint64_t one;    ///< the bits of 1.0
  double before_minus;  ///< the neighbour of -1 towards zero
};

Bits bits_of(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return {64, 64, 12, 0x3ff0000000000000, -1 + 0x1p-53};
    case DType::f32:
      return {32, 32, 9, 0x3f800000, -1 + 0x1p-24};
    case DType::f16:
      return {16, 16, 6, 0x3c00, -1 + 0x1p-11};
    case DType::bf16:
      return {8, 16, 1, 0x3f80, -1 + 0x1p-8};
    default:
      throw Error(fmt::format("random_gamma: the shape parameter must be f16, bf16, f32 or f64, got {}", name(dtype)));
  }
}

// {0} is the dtype, {1} its numpy name, {2} the unsigned integer of its width.
constexpr std::string_view functions = R"(
let uniform = {{ lambda ; a:key<fry>[] b:{0}[] c:{0}[]. let
    d:u{3}[] = random_bits[bit_width={3} shape=()] a
    e:{2}[] = convert_element_type[new_dtype=uint{4} weak_type=False] d
    f:{2}[] = shift_right_logical e {5}:{2}[]
    g:{2}[] = or f {6}:{2}[]
    h:{0}[] = bitcast_convert_type[new_dtype={1}] g
    i:{0}[] = sub h 1.0:{0}[]
    j:{0}[] = sub c b
    k:{0}[] = mul i j
    l:{0}[] = add k b
    m:{0}[] = max b l
  in (m,) }} in
let rejected = {{ lambda ; a:{0}[] b:key<fry>[] c:{0}[] d:{0}[] e:{0}[]. let
    f:{0}[] = mul c c
    g:{0}[] = mul 0.0331:{0}[] f
    h:{0}[] = sub 1.0:{0}[] g
    i:bool[] = ge e h
    j:{0}[] = log e
    k:{0}[] = mul c 0.5:{0}[]
    l:{0}[] = sub 1.0:{0}[] d
    m:{0}[] = log d
    n:{0}[] = add l m
    o:{0}[] = mul a n
    p:{0}[] = add k o
    q:bool[] = ge j p
    r:bool[] = and i q
  in (r,) }} in
let normal = {{ lambda ; a:{0}[] b:key<fry>[] c:{0}[] d:{0}[]. let
    e:key<fry>[2] = random_split[shape=(2,)] b
    f:key<fry>[1] = slice[limit_indices=(1,) start_indices=(0,) strides=None] e
    g:key<fry>[] = squeeze[dimensions=(0,)] f
    h:key<fry>[1] = slice[limit_indices=(2,) start_indices=(1,) strides=None] e
    i:key<fry>[] = squeeze[dimensions=(0,)] h
    j:{0}[] = jit[name=uniform jaxpr=uniform] i {7}:{0}[] 1.0:{0}[]
    k:{0}[] = erf_inv j
    l:{0}[] = mul 1.4142135623730951:{0}[] k
    m:{0}[] = mul l a
    n:{0}[] = add 1.0:{0}[] m
  in (g, l, n) }} in
let negative = {{ lambda ; a:key<fry>[] b:{0}[] c:{0}[]. let
    d:bool[] = le c 0.0:{0}[]
  in (d,) }} in
let candidate = {{ lambda ; a:{0}[] b:key<fry>[] c:{0}[] d:{0}[] e:{0}[]. let
    f:key<fry>[3] = random_split[shape=(3,)] b
    g:key<fry>[1] = slice[limit_indices=(1,) start_indices=(0,) strides=None] f
    h:key<fry>[] = squeeze[dimensions=(0,)] g
    i:key<fry>[1] = slice[limit_indices=(2,) start_indices=(1,) strides=None] f
    j:key<fry>[] = squeeze[dimensions=(0,)] i
    k:key<fry>[1] = slice[limit_indices=(3,) start_indices=(2,) strides=None] f
    l:key<fry>[] = squeeze[dimensions=(0,)] k
    m:key<fry>[] n:{0}[] o:{0}[] = while[body_jaxpr=normal body_nconsts=1 cond_jaxpr=negative cond_nconsts=0]
      a j 0.0:{0}[] -1.0:{0}[]
    p:{0}[] = mul n n
    q:{0}[] = mul o o
    r:{0}[] = mul q o
    s:{0}[] = jit[name=uniform jaxpr=uniform] l 0.0:{0}[] 1.0:{0}[]
  in (h, p, r, s) }} in
let sample = {{ lambda ; a:key<fry>[] b:{0}[]. let
    c:bool[] = ge b 1.0:{0}[]
    d:{0}[] = add b 1.0:{0}[]
    e:{0}[] = select_n c d b
    f:{0}[] = sub e 0.3333333333333333:{0}[]
    g:{0}[] = sqrt f
    h:{0}[] = div 0.3333333333333333:{0}[] g
    i:key<fry>[2] = random_split[shape=(2,)] a
    j:key<fry>[1] = slice[limit_indices=(1,) start_indices=(0,) strides=None] i
    k:key<fry>[] = squeeze[dimensions=(0,)] j
    l:key<fry>[1] = slice[limit_indices=(2,) start_indices=(1,) strides=None] i
    m:key<fry>[] = squeeze[dimensions=(0,)] l
    n:key<fry>[] o:{0}[] p:{0}[] q:{0}[] = while[body_jaxpr=candidate body_nconsts=1 cond_jaxpr=rejected cond_nconsts=1]
      f h k 0.0:{0}[] 1.0:{0}[] 2.0:{0}[]
    r:{0}[] = jit[name=uniform jaxpr=uniform] m 0.0:{0}[] 1.0:{0}[]
    s:{0}[] = div 1.0:{0}[] b
)";

constexpr std::string_view plain_sample = R"(
    t:{0}[] = sub 1.0:{0}[] r
    u:{0}[] = pow t s
    v:{0}[] = select_n c u 1.0:{0}[]
    w:{0}[] = mul f p
    x:{0}[] = mul w v
  in (x,) }} in
)";

constexpr std::string_view log_sample = R"(
    t:{0}[] = neg r
    u:{0}[] = log1p t
    v:bool[] = eq u 0.0:{0}[]
    w:bool[] = or c v
    x:{0}[] = mul u s
    y:{0}[] = select_n w x 0.0:{0}[]
    z:{0}[] = log f
    ba:{0}[] = log p
    bb:{0}[] = add z ba
    bc:{0}[] = add bb y
  in (bc,) }} in
)";

// {0} is the dtype, {1} the keys' shape, {2} the samples', {3} how many samples there are, {4} for each key.
constexpr std::string_view program = R"(
{{ lambda ; a:key<fry>{1} b:{0}{2}. let
    c:key<fry>{5} = random_split[shape=({4},)] a
    d:key<fry>[{3}] = reshape[dimensions=None new_sizes=({3},) sharding=None] c
    e:{0}[{3}] = reshape[dimensions=None new_sizes=({3},) sharding=None] b
    f:{0}[{3}] = scan[_split_transpose=False jaxpr=sample length={3} linear=(False, False) num_carry=0 num_consts=0
      reverse=False unroll=1] d e
    g:{0}{2} = reshape[dimensions=None new_sizes={6} sharding=None] f
  in (g,) }}
)";

}  // namespace

ir::Jaxpr gamma_sampler(const Shape& keys, const Type& samples, bool log_space) {
  const std::string_view dtype = name(samples.dtype);
  const Bits bits = bits_of(samples.dtype);
  std::string text = fmt::format(functions, dtype, numpy_name(samples.dtype), fmt::format("u{}", bits.width),
                                 bits.drawn, bits.width, bits.dropped, bits.one, bits.before_minus);
  text += fmt::format(fmt::runtime(log_space ? log_sample : plain_sample), dtype);
  const Shape each(samples.shape.begin() + static_cast<std::ptrdiff_t>(keys.size()), samples.shape.end());
  Shape split = keys;
  split.push_back(element_count(each));
  std::string sizes;
  for (std::int64_t extent : samples.shape) sizes += fmt::format("{}, ", extent);
  text += fmt::format(program, dtype, to_string(keys), to_string(samples.shape), element_count(samples.shape),
                      element_count(each), to_string(split), "(" + sizes + ")");
  return ir::parse(text, "random_gamma");
}

}  // namespace jaxc::compiler
