// Sorts by Google Highway's vectorised quicksort, on integers that hold a key and, where it matters, its position.
#include <hwy/contrib/sort/vqsort.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "backends/llvm/runtime/entries.h"
#include "backends/llvm/runtime/keys.h"
#include "ir/program.h"

namespace jaxc::cpu {

namespace {

using Result = ir::Ordering::Result;

/// Keys that are looked at together: none of them may be among the largest.
constexpr std::int64_t block_length = 256;

/// A word holds a key above a position, so that no two words of a line are equal and their order is stable.
template <typename Bits>
struct Placed {
  using Word = std::uint64_t;
  static Word make(Bits key, std::int64_t position) {
    return static_cast<Word>(key) << 32 | static_cast<Word>(position);
  }
  static std::int64_t position(Word word) { return static_cast<std::int64_t>(word & 0xffffffffU); }
};

template <>
struct Placed<std::uint64_t> {
  using Word = hwy::uint128_t;
  static Word make(std::uint64_t key, std::int64_t position) {
    Word word;
    word.lo = static_cast<std::uint64_t>(position);
    word.hi = key;
    return word;
  }
  static std::int64_t position(const Word& word) { return static_cast<std::int64_t>(word.lo); }
};

bool before(std::uint64_t left, std::uint64_t right) {
  return left < right;
}
bool before(const hwy::uint128_t& left, const hwy::uint128_t& right) {
  return left.hi < right.hi || (left.hi == right.hi && left.lo < right.lo);
}

template <typename Word>
void sort_words(Word* words, std::int64_t count) {
  hwy::Sorter()(words, static_cast<std::size_t>(count), hwy::SortAscending());
}

template <typename Bits, bool floating>
class LineSorter {
 public:
  LineSorter(const SortRequest& request, Keys<Bits, floating> keys, const void* input, void* values, void* positions)
      : request_(request),
        keys_(keys),
        input_(static_cast<const Bits*>(input)),
        values_(static_cast<Bits*>(values)),
        positions_(static_cast<std::byte*>(positions)) {}

  void sort(std::int64_t line, void* workspace) const {
    const std::int64_t outer = line / request_.inner;
    const std::int64_t inner = line % request_.inner;
    const Bits* source = input_ + outer * request_.extent * request_.inner + inner;
    const std::int64_t target = outer * request_.count * request_.inner + inner;
    switch (static_cast<Result>(request_.result)) {
      case Result::values:
        return sort_values(source, values_ + target, workspace);
      case Result::positions:
        return sort_positions(source, line * request_.extent, workspace);
      case Result::largest:
        return select_largest(source, target, workspace);
    }
  }

 private:
  using Word = typename Placed<Bits>::Word;

  Bits read(const Bits* source, std::int64_t position) const { return source[position * request_.inner]; }

  void store_position(std::int64_t element, std::int64_t position) const {
    std::byte* target = positions_ + element * request_.index_bytes;
    if (request_.index_bytes == 4) {
      const auto narrow = static_cast<std::int32_t>(position);
      std::memcpy(target, &narrow, sizeof narrow);
    } else {
      std::memcpy(target, &position, sizeof position);
    }
  }

  void sort_values(const Bits* source, Bits* target, void* workspace) const {
    using Key = std::conditional_t<sizeof(Bits) == 8, std::uint64_t, std::uint32_t>;
    auto* words = static_cast<Key*>(workspace);
    bool ambiguous = false;
    for (std::int64_t k = 0; k < request_.extent; ++k) {
      const Bits bits = read(source, k);
      ambiguous |= keys_.ambiguous(bits);
      words[k] = keys_.encode(bits);
    }
    sort_words(words, request_.extent);
    for (std::int64_t k = 0; k < request_.extent; ++k)
      target[k * request_.inner] = keys_.decode(static_cast<Bits>(words[k]));
    if (ambiguous) restore(source, target, words);
  }

  /// Writes zeros and NaN, which are equal to each other, as the input has them and in its order.
  template <typename Key>
  void restore(const Bits* source, Bits* target, const Key* words) const {
    const Key* end = words + request_.extent;
    std::int64_t zero = std::lower_bound(words, end, static_cast<Key>(keys_.zero)) - words;
    std::int64_t nan = std::lower_bound(words, end, static_cast<Key>(keys_.nan)) - words;
    for (std::int64_t k = 0; k < request_.extent; ++k) {
      const Bits bits = read(source, k);
      if (keys_.is_zero(bits)) target[zero++ * request_.inner] = bits;
      if (keys_.is_nan(bits)) target[nan++ * request_.inner] = bits;
    }
  }

  void sort_positions(const Bits* source, std::int64_t target, void* workspace) const {
    auto* words = static_cast<Word*>(workspace);
    for (std::int64_t k = 0; k < request_.extent; ++k) words[k] = Placed<Bits>::make(keys_.encode(read(source, k)), k);
    sort_words(words, request_.extent);
    for (std::int64_t k = 0; k < request_.extent; ++k) store_position(target + k, Placed<Bits>::position(words[k]));
  }

  /// Keys are inverted: the largest come first, equal ones by position. Few of many are found by keeping twice as many
  /// candidates as are wanted, and looking only at keys that are not below the least of the best.
  void select_largest(const Bits* source, std::int64_t target, void* workspace) const {
    auto* words = static_cast<Word*>(workspace);
    const std::int64_t capacity = 2 * request_.count + block_length;
    std::int64_t kept = 0;
    Bits worst = std::numeric_limits<Bits>::max();
    Bits block[block_length];
    for (std::int64_t begin = 0; begin < request_.extent; begin += block_length) {
      const std::int64_t length = std::min(block_length, request_.extent - begin);
      bool any = false;
      for (std::int64_t k = 0; k < length; ++k) {
        block[k] = static_cast<Bits>(~keys_.encode(read(source, begin + k)));
        any |= block[k] <= worst;
      }
      if (!any) continue;
      for (std::int64_t k = 0; k < length; ++k)
        if (block[k] <= worst) words[kept++] = Placed<Bits>::make(block[k], begin + k);
      if (kept < capacity - block_length) continue;
      const auto precedes = [](const Word& left, const Word& right) { return before(left, right); };
      std::nth_element(words, words + request_.count - 1, words + kept, precedes);
      kept = request_.count;
      worst = static_cast<Bits>(~keys_.encode(read(source, Placed<Bits>::position(words[kept - 1]))));
    }
    sort_words(words, kept);
    for (std::int64_t k = 0; k < request_.count; ++k) {
      const std::int64_t position = Placed<Bits>::position(words[k]);
      values_[target + k * request_.inner] = read(source, position);
      store_position(target + k * request_.inner, position);
    }
  }

  const SortRequest& request_;
  Keys<Bits, floating> keys_;
  const Bits* input_;
  Bits* values_;
  std::byte* positions_;
};

template <typename Bits, bool floating>
void sort_lines(const SortRequest& request, Keys<Bits, floating> keys, const void* input, void* values, void* positions,
                void* workspace, ThreadPool& pool) {
  const LineSorter<Bits, floating> sorter(request, keys, input, values, positions);
  const std::int64_t lines = request.outer * request.inner;
  const auto run = [&](std::int64_t part) {
    void* memory = static_cast<std::byte*>(workspace) + part * request.part_bytes;
    const std::int64_t end = lines * (part + 1) / request.parts;
    for (std::int64_t line = lines * part / request.parts; line < end; ++line) sorter.sort(line, memory);
  };
  pool.run(request.parts, std::ref(run));  // a reference, since std::function would allocate for the captures
}

}  // namespace

bool sorts(DType key) {
  return (is_integer(key) && !is_narrow_integer(key)) || key == DType::f16 || key == DType::bf16 || key == DType::f32 ||
         key == DType::f64;
}

void jaxc_sort(const SortRequest* request, const void* input, void* values, void* positions, void* workspace,
               const Runtime* runtime) {
  const auto run = [&]<typename Bits, bool floating>(Keys<Bits, floating> keys) {
    sort_lines(*request, keys, input, values, positions, workspace, *runtime->pool);
  };
  using Byte = Keys<std::uint8_t, false>;
  using Short = Keys<std::uint16_t, false>;
  using Int = Keys<std::uint32_t, false>;
  using Long = Keys<std::uint64_t, false>;
  switch (static_cast<DType>(request->key)) {
    case DType::i8:
      return run(Byte{.flip = Byte::sign});
    case DType::u8:
      return run(Byte{});
    case DType::i16:
      return run(Short{.flip = Short::sign});
    case DType::u16:
      return run(Short{});
    case DType::i32:
      return run(Int{.flip = Int::sign});
    case DType::u32:
      return run(Int{});
    case DType::i64:
      return run(Long{.flip = Long::sign});
    case DType::u64:
      return run(Long{});
    case DType::f16:
      return run(Keys<std::uint16_t, true>{.infinity = 0x7c00});
    case DType::bf16:
      return run(Keys<std::uint16_t, true>{.infinity = 0x7f80});
    case DType::f32:
      return run(Keys<std::uint32_t, true>{.infinity = 0x7f800000});
    case DType::f64:
      return run(Keys<std::uint64_t, true>{.infinity = 0x7ff0000000000000});
    default:
      return;
  }
}

}  // namespace jaxc::cpu
