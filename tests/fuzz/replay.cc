// Runs a fuzz target over the files of the given folders: keeps targets and seeds alive in every build. Each
// seed is also run cut at every length of its first kilobyte and with each of those bytes changed, a little
// fuzzing for free.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void Run(const std::vector<uint8_t>& input) { LLVMFuzzerTestOneInput(input.data(), input.size()); }

void RunWithNeighbours(const std::vector<uint8_t>& input) {
  Run(input);
  const size_t limit = std::min<size_t>(input.size(), 1024);
  for (size_t i = 0; i < limit; ++i) {
    Run({input.begin(), input.begin() + static_cast<ptrdiff_t>(i)});
    std::vector<uint8_t> changed = input;
    changed[i] ^= 0x04;
    Run(changed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      RunWithNeighbours({std::istreambuf_iterator<char>(file), {}});
      ++files;
    }
  }
  std::printf("%zu seeds\n", files);
  return files == 0 ? 1 : 0;
}
