#include "daemon/key_process/build_id.h"

#include <link.h>

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "daemon/version.h"

namespace claviger::daemon {
namespace {

constexpr size_t kIdBytes = 20;

size_t Padded(size_t size) { return (size + 3) & ~size_t{3}; }

// elf(5): notes of name "GNU" and type NT_GNU_BUILD_ID.
int FindInProgram(dl_phdr_info* program, size_t, void* found) {
  for (int i = 0; i < program->dlpi_phnum; ++i) {
    const auto& part = program->dlpi_phdr[i];
    if (part.p_type != PT_NOTE) continue;
    const auto* at = reinterpret_cast<const uint8_t*>(program->dlpi_addr + part.p_vaddr);
    const uint8_t* const end = at + part.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof note);
      const uint8_t* const name = at + sizeof note;
      const uint8_t* const id = name + Padded(note.n_namesz);
      if (note.n_type == NT_GNU_BUILD_ID && AsText({name, note.n_namesz}) == std::string_view("GNU", 4)) {
        *static_cast<std::string*>(found) = HexEncode({id, std::min<size_t>(note.n_descsz, kIdBytes)});
        return 1;
      }
      at = id + Padded(note.n_descsz);
    }
  }
  return 1;  // the program itself comes first, and no library counts
}

}  // namespace

std::string BuildId() {
  std::string id;
  ::dl_iterate_phdr(FindInProgram, &id);
  return std::string(kVersion) + ' ' + id;
}

}  // namespace claviger::daemon
