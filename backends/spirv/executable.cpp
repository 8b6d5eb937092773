// Runs generated kernels: memory for one call at a time, one submission, completion words checked.
#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <mutex>

#include "backends/spirv/codegen.h"
#include "backends/spirv/device.h"
#include "jaxc/error.h"

namespace jaxc::spirv {
namespace {

constexpr std::int64_t alignment = 256;

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

/// Buffers of one kind laid out in one block of memory.
struct Layout {
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> sizes;
  std::int64_t bytes = 0;

  void add(std::int64_t size) {
    offsets.push_back(bytes);
    sizes.push_back(size);
    bytes += aligned(size);
  }
};

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

/// The memory of one call.
struct Frame {
  Memory upload;    ///< the address table, then the inputs
  Memory device;    ///< the same, then the outputs
  Memory download;  ///< the outputs, then the words of kernels
  Memory scratch;
  Memory state;
  Commands commands;

  Frame(const Device& target, std::int64_t in_bytes, std::int64_t out_bytes, std::int64_t word_bytes,
        std::int64_t scratch_bytes, std::int64_t state_bytes)
      : upload(target, in_bytes, MemoryUse::upload),
        device(target, in_bytes + out_bytes, MemoryUse::device),
        download(target, out_bytes + word_bytes, MemoryUse::download),
        scratch(target, scratch_bytes, MemoryUse::device),
        state(target, state_bytes, MemoryUse::device),
        commands(target) {}
};

}  // namespace

std::shared_ptr<const Device> open_device(const DeviceOptions& options) {
  return std::make_shared<const Device>(options);
}

const DeviceDescription& describe(const Device& device) {
  return device.description();
}

std::vector<std::string> validation_messages(const Device& device) {
  return device.validation_messages();
}

struct GpuExecutable::State {
  std::shared_ptr<const Device> device;
  GpuCode code;
  std::vector<Kernel> kernels;
  Memory constants;
  Layout constant_layout;
  Layout inputs;   ///< after the table
  Layout outputs;  ///< after the inputs
  std::int64_t table_bytes = 0;
  std::int64_t scratch_bytes = 0;
  std::map<ir::BufferId, std::int64_t> table;
  std::vector<ir::Buffer> buffers;
  CompileStatistics statistics;
  std::mutex mutex;
  std::vector<std::unique_ptr<Frame>> idle;

  State(std::shared_ptr<const Device> target, const ir::Program& program, const ir::Plan& plan);
  void load_constants(const ir::Program& program);
  std::unique_ptr<Frame> acquire();
  void release(std::unique_ptr<Frame> frame);
  void fill_table(Frame& frame) const;
  void run(Frame& frame);
  void run_loop(Frame& frame, std::size_t number, std::vector<std::int64_t>& expected);
  void read_words(Frame& frame) const;
  std::uint32_t word(const Frame& frame, std::int64_t offset) const;
};

GpuExecutable::State::State(std::shared_ptr<const Device> target, const ir::Program& program, const ir::Plan& plan)
    : device(std::move(target)), scratch_bytes(plan.scratch_bytes), buffers(plan.buffers) {
  const auto start = std::chrono::steady_clock::now();
  code = generate(program, plan, device->description());
  statistics.emit_milliseconds = milliseconds_since(start);
  const auto emitted = std::chrono::steady_clock::now();
  for (const KernelCode& kernel : code.kernels) kernels.emplace_back(*device, kernel.words, PushConstants::count);
  statistics.pipeline_milliseconds = milliseconds_since(emitted);
  const AddressTable addresses(plan);
  table = addresses.buffers;
  table_bytes = aligned(8 * addresses.size());
  for (const ir::Interface& input : program.inputs) inputs.add(byte_count(input.type));
  for (const ir::Interface& output : program.outputs) outputs.add(byte_count(output.type));
  load_constants(program);
}

void GpuExecutable::State::load_constants(const ir::Program& program) {
  for (const ir::ProgramConstant& constant : program.constants) {
    constant_layout.add(static_cast<std::int64_t>(constant.value.bytes().size()));
  }
  if (constant_layout.bytes == 0) return;
  constants = Memory(*device, constant_layout.bytes, MemoryUse::device);
  const Memory staging(*device, constant_layout.bytes, MemoryUse::upload);
  for (std::size_t i = 0; i < program.constants.size(); ++i) {
    const auto bytes = program.constants[i].value.bytes();
    if (!bytes.empty()) std::memcpy(staging.bytes().data() + constant_layout.offsets[i], bytes.data(), bytes.size());
  }
  staging.flush();
  Commands commands(*device);
  commands.copy(staging, 0, constants, 0, constant_layout.bytes);
  commands.submit_and_wait();
}

std::unique_ptr<Frame> GpuExecutable::State::acquire() {
  {
    const std::lock_guard lock(mutex);
    if (!idle.empty()) {
      std::unique_ptr<Frame> frame = std::move(idle.back());
      idle.pop_back();
      return frame;
    }
  }
  auto frame = std::make_unique<Frame>(*device, table_bytes + inputs.bytes, outputs.bytes, code.word_bytes,
                                       scratch_bytes, code.state_bytes);
  fill_table(*frame);
  return frame;
}

void GpuExecutable::State::release(std::unique_ptr<Frame> frame) {
  const std::lock_guard lock(mutex);
  idle.push_back(std::move(frame));
}

void GpuExecutable::State::fill_table(Frame& frame) const {
  std::vector<std::uint64_t> entries(static_cast<std::size_t>(table_bytes / 8));
  entries[AddressTable::scratch] = frame.scratch.address();
  entries[AddressTable::state] = frame.state.address();
  for (const auto& [buffer, entry] : table) {
    const auto slot = static_cast<std::size_t>(buffers[buffer].slot);
    std::uint64_t address = 0;
    switch (buffers[buffer].storage) {
      case ir::Storage::input:
        address = frame.device.address() + static_cast<std::uint64_t>(table_bytes + inputs.offsets.at(slot));
        break;
      case ir::Storage::output:
        address =
            frame.device.address() + static_cast<std::uint64_t>(table_bytes + inputs.bytes + outputs.offsets.at(slot));
        break;
      default:
        // Constants without bytes have no memory, and nothing reads them.
        if (constant_layout.bytes > 0) {
          address = constants.address() + static_cast<std::uint64_t>(constant_layout.offsets.at(slot));
        }
    }
    entries[static_cast<std::size_t>(entry)] = address;
  }
  std::memcpy(frame.upload.bytes().data(), entries.data(), entries.size() * 8);
}

void GpuExecutable::State::read_words(Frame& frame) const {
  frame.commands.copy(frame.state, 0, frame.download, outputs.bytes, code.word_bytes);
}

std::uint32_t GpuExecutable::State::word(const Frame& frame, std::int64_t offset) const {
  std::uint32_t value = 0;
  std::memcpy(&value, frame.download.bytes().data() + outputs.bytes + offset, 4);
  return value;
}

void GpuExecutable::State::run_loop(Frame& frame, std::size_t number, std::vector<std::int64_t>& expected) {
  const KernelCode& kernel = code.kernels[number];
  const auto dispatch = [&](std::int64_t begin, std::int64_t end) {
    const std::uint64_t push[PushConstants::count] = {frame.device.address(), static_cast<std::uint64_t>(begin),
                                                      static_cast<std::uint64_t>(end), 2};
    frame.commands.dispatch(kernels[number], push, kernel.groups_x, kernel.groups_y);
    expected[number] += kernel.invocations();
  };
  if (!kernel.conditional) {
    const std::int64_t chunk = kernel.chunk > 0 ? kernel.chunk : std::max<std::int64_t>(1, kernel.steps);
    std::int64_t begin = 0;
    do {
      dispatch(begin, std::min(begin + chunk, kernel.steps));
      begin += chunk;
    } while (begin < kernel.steps);
    return;
  }
  for (std::int64_t begin = 0;; begin += kernel.chunk) {
    if (begin + kernel.chunk >= std::int64_t{1} << 31) throw Error("gpu: a loop takes fewer than 2^31 steps, got more");
    dispatch(begin, begin + kernel.chunk);
    read_words(frame);
    frame.commands.submit_and_wait();
    frame.download.invalidate();
    const bool cut = word(frame, kernel.state.completions) != static_cast<std::uint32_t>(expected[number]);
    if (cut || word(frame, kernel.state.running) == 0) return;
  }
}

void GpuExecutable::State::run(Frame& frame) {
  frame.upload.flush();
  frame.commands.copy(frame.upload, 0, frame.device, 0, table_bytes + inputs.bytes);
  frame.commands.fill(frame.state, 0, code.word_bytes, 0);
  std::vector<std::int64_t> expected(kernels.size(), 0);
  for (std::size_t i = 0; i < kernels.size(); ++i) run_loop(frame, i, expected);
  frame.commands.copy(frame.device, table_bytes + inputs.bytes, frame.download, 0, outputs.bytes);
  read_words(frame);
  frame.commands.submit_and_wait();
  frame.download.invalidate();
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    const KernelCode& kernel = code.kernels[i];
    if (!kernel.counts_completions) continue;
    if (word(frame, kernel.state.completions) != static_cast<std::uint32_t>(expected[i])) {
      throw Error(
          fmt::format("gpu: {} must run to its end, but {} ended it after {} turns of its loops; use a device "
                      "without that limit, or the cpu backend",
                      kernel.name, device->description().name, device->description().loop_limit));
    }
  }
}

GpuExecutable::GpuExecutable(std::shared_ptr<const Device> device, const ir::Program& program, const ir::Plan& plan)
    : state_(std::make_unique<State>(std::move(device), program, plan)) {}
GpuExecutable::~GpuExecutable() = default;
GpuExecutable::GpuExecutable(GpuExecutable&&) noexcept = default;
GpuExecutable& GpuExecutable::operator=(GpuExecutable&&) noexcept = default;

void GpuExecutable::run(std::span<const void* const> inputs, std::span<void* const> outputs) const {
  State& state = *state_;
  if (inputs.size() != state.inputs.sizes.size() || outputs.size() != state.outputs.sizes.size()) {
    throw Error(fmt::format("run: the program takes {} inputs and {} outputs, got {} and {}", state.inputs.sizes.size(),
                            state.outputs.sizes.size(), inputs.size(), outputs.size()));
  }
  std::unique_ptr<Frame> frame = state.acquire();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (state.inputs.sizes[i] == 0) continue;
    std::memcpy(frame->upload.bytes().data() + state.table_bytes + state.inputs.offsets[i], inputs[i],
                static_cast<std::size_t>(state.inputs.sizes[i]));
  }
  state.run(*frame);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (state.outputs.sizes[i] == 0) continue;
    std::memcpy(outputs[i], frame->download.bytes().data() + state.outputs.offsets[i],
                static_cast<std::size_t>(state.outputs.sizes[i]));
  }
  state.release(std::move(frame));
}

std::string GpuExecutable::spirv() const {
  std::string text;
  for (const KernelCode& kernel : state_->code.kernels) {
    text += fmt::format("; {}: {} x {} workgroups of {}\n{}\n", kernel.name, kernel.groups_x, kernel.groups_y,
                        kernel.workgroup_size, disassemble(kernel.words));
  }
  return text;
}

const CompileStatistics& GpuExecutable::statistics() const {
  return state_->statistics;
}

}  // namespace jaxc::spirv
