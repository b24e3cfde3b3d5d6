// Counts kernel launches of a CUDA program: loaded through CUDA_INJECTION64_PATH, it writes a JSON object
// {"kernels": {NAME: [launches, nanoseconds]}} to the file that EARWITNESS_LAUNCHES names when the program ends, or
// {"error": REASON} if CUPTI cannot trace.

#include <cupti.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES (8u << 20)
#define TABLE_SIZE 4096u  // far more than the number of kernel names in a program

struct kernel {
  char *name;
  unsigned long long launches, nanoseconds;
};

static struct kernel table[TABLE_SIZE];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static const char *error;

static struct kernel *find(const char *name) {
  unsigned hash = 5381;
  for (const char *c = name; *c; c++) hash = hash * 33 + (unsigned char)*c;
  for (unsigned probe = 0; probe < TABLE_SIZE; probe++) {
    struct kernel *kernel = &table[(hash + probe) % TABLE_SIZE];
    if (!kernel->name) kernel->name = strdup(name);
    if (!kernel->name || !strcmp(kernel->name, name)) return kernel;
  }
  return NULL;
}

static void add(const CUpti_ActivityKernel10 *record) {
  struct kernel *kernel = find(record->name ? record->name : "unnamed");
  if (kernel) {
    kernel->launches++;
    kernel->nanoseconds += record->end - record->start;
  }
}

static void CUPTIAPI request(uint8_t **buffer, size_t *size, size_t *records) {
  *buffer = aligned_alloc(8, BUFFER_BYTES);
  *size = *buffer ? BUFFER_BYTES : 0;
  *records = 0;
}

static void CUPTIAPI complete(CUcontext context, uint32_t stream, uint8_t *buffer, size_t size, size_t valid) {
  (void)context, (void)stream, (void)size;
  CUpti_Activity *record = NULL;
  pthread_mutex_lock(&table_lock);
  while (cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS)
    if (record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) add((const CUpti_ActivityKernel10 *)record);
  pthread_mutex_unlock(&table_lock);
  free(buffer);
}

static void write_string(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') fputc('\\', out);
    if ((unsigned char)*text >= 0x20) fputc(*text, out);
  }
  fputc('"', out);
}

static void write_report(void) {
  const char *path = getenv("EARWITNESS_LAUNCHES");
  if (!error && cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED) != CUPTI_SUCCESS) error = "no flush at the end";
  FILE *out = path ? fopen(path, "w") : NULL;
  if (!out) return;
  if (error) {
    fputs("{\"error\": ", out);
    write_string(out, error);
  } else {
    const char *separator = "";
    fputs("{\"kernels\": {", out);
    for (unsigned index = 0; index < TABLE_SIZE; index++) {
      if (!table[index].name) continue;
      fputs(separator, out);
      write_string(out, table[index].name);
      fprintf(out, ": [%llu, %llu]", table[index].launches, table[index].nanoseconds);
      separator = ", ";
    }
    fputs("}", out);
  }
  fputs("}\n", out);
  fclose(out);
}

// The driver calls this when it is initialized; 1 is success.
int InitializeInjection(void) {
  CUptiResult result = cuptiActivityRegisterCallbacks(request, complete);
  if (result == CUPTI_SUCCESS) result = cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
  if (result != CUPTI_SUCCESS) cuptiGetResultString(result, &error);
  atexit(write_report);
  return 1;
}
