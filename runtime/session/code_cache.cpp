// Makes keys of requests, and writes machine code with its metadata as bytes.
#include "runtime/session/code_cache.h"

#include <fmt/format.h>

#include <cstring>

#include "ir/printer.h"
#include "runtime/build_identity.h"
#include "runtime/hash.h"

namespace jaxc::session {

namespace {

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void append_lines(const ir::Jaxpr& jaxpr, std::string& text) {
  for (const ir::Equation& equation : jaxpr.equations) {
    text += fmt::format("{} ", equation.location.line);
    for (const ir::JaxprPointer& inner : ir::sub_jaxprs(equation)) append_lines(*inner, text);
  }
}

/// Numbers and texts, one after another.
class Writer {
 public:
  std::string bytes;

  void number(std::int64_t value) { bytes.append(reinterpret_cast<const char*>(&value), sizeof(value)); }
  void text(std::string_view value) {
    number(static_cast<std::int64_t>(value.size()));
    bytes += value;
  }
};

/// Reads what a Writer wrote. After a read past the end, `good` is false and values are empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool good = true;

  std::int64_t number() {
    std::int64_t value = 0;
    const std::string_view bytes = take(sizeof(value));
    if (good) std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }
  std::string_view text() { return take(static_cast<std::uint64_t>(number())); }
  /// A number of things that take at least a number each.
  std::size_t count() {
    const auto value = static_cast<std::uint64_t>(number());
    good = good && value <= rest_.size() / sizeof(std::int64_t);
    return good ? value : 0;
  }
  bool at_end() const { return good && rest_.empty(); }

 private:
  std::string_view take(std::uint64_t bytes) {
    good = good && bytes <= rest_.size();
    if (!good) return {};
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }

  std::string_view rest_;
};

void write(Writer& writer, const Array& array) {
  writer.number(static_cast<std::int64_t>(array.type().dtype));
  writer.number(static_cast<std::int64_t>(array.type().shape.size()));
  for (const std::int64_t extent : array.type().shape) writer.number(extent);
  writer.text(text_of(array.bytes()));
}

std::optional<Array> read_array(Reader& reader) {
  Type type;
  const std::int64_t dtype = reader.number();
  type.dtype = static_cast<DType>(dtype);
  type.shape.resize(reader.count());
  for (std::int64_t& extent : type.shape) extent = reader.number();
  const std::string_view bytes = reader.text();
  if (!reader.good || dtype < 0 || dtype > static_cast<std::int64_t>(DType::key)) return std::nullopt;
  try {
    return Array(std::move(type), std::as_bytes(std::span(bytes)));
  } catch (const Error&) {
    return std::nullopt;  // the type does not take as many bytes
  }
}

}  // namespace

std::optional<CodeCache> CodeCache::of(const Request& request, const cpu::CpuOptions& options) {
  if (request.options.cache_folder.empty() || request.options.observe_passes || options.profile) return std::nullopt;
  const std::string build = runtime::build_identity();
  if (build.empty()) return std::nullopt;
  std::string key =
      fmt::format("jaxc {} for {}, vectors of {} bits, optimization {}, threads {}, threefry_partitionable {}\n", build,
                  cpu::target_name(options), options.vector_bits, options.optimization, options.threads,
                  request.threefry_partitionable);
  for (const Array& constant : request.program.constant_values)
    key += fmt::format("constant {}\n", runtime::hash_name(text_of(constant.bytes())));
  append_lines(request.program.jaxpr, key);
  key += ir::print(request.program.jaxpr);
  return CodeCache({request.options.cache_folder, request.options.cache_bytes}, std::move(key),
                   request.program.constant_values);
}

void CodeCache::store(const StoredProgram& program) const {
  Writer writer;
  writer.text(program.object.code);
  writer.number(static_cast<std::int64_t>(program.object.input_count));
  writer.number(static_cast<std::int64_t>(program.object.output_count));
  writer.number(program.object.scratch_bytes);
  writer.number(static_cast<std::int64_t>(program.object.constants.size()));
  for (const Array& constant : program.object.constants) {
    const auto known = std::find_if(constants_.begin(), constants_.end(), [&](const Array& candidate) {
      return candidate.bytes().data() == constant.bytes().data() && candidate.type() == constant.type();
    });
    writer.number(known == constants_.end() ? -1 : known - constants_.begin());
    if (known == constants_.end()) write(writer, constant);
  }
  writer.number(static_cast<std::int64_t>(program.loops.size()));
  for (const LoopReport& loop : program.loops) {
    writer.text(loop.primitive);
    writer.number(loop.line);
    writer.number(loop.depth);
    writer.text(loop.path);
    writer.text(loop.reason);
  }
  files_.store(key_, writer.bytes);
}

std::optional<StoredProgram> CodeCache::find() const {
  const std::optional<std::string> bytes = files_.find(key_);
  if (!bytes) return std::nullopt;
  Reader reader(*bytes);
  StoredProgram program;
  program.object.code = reader.text();
  program.object.input_count = static_cast<std::size_t>(reader.number());
  program.object.output_count = static_cast<std::size_t>(reader.number());
  program.object.scratch_bytes = reader.number();
  for (std::size_t rest = reader.count(); rest > 0; --rest) {
    const std::int64_t number = reader.number();
    std::optional<Array> constant;
    if (number == -1)
      constant = read_array(reader);
    else if (number >= 0 && number < static_cast<std::int64_t>(constants_.size()))
      constant = constants_[static_cast<std::size_t>(number)];
    if (!constant) return std::nullopt;
    program.object.constants.push_back(std::move(*constant));
  }
  for (std::size_t rest = reader.count(); rest > 0; --rest) {
    LoopReport loop;
    loop.primitive = reader.text();
    loop.line = static_cast<std::uint32_t>(reader.number());
    loop.depth = static_cast<int>(reader.number());
    loop.path = reader.text();
    loop.reason = reader.text();
    program.loops.push_back(std::move(loop));
  }
  if (!reader.at_end()) return std::nullopt;
  return program;
}

}  // namespace jaxc::session
