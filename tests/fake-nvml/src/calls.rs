//! The C functions that nvml-wrapper calls to read the monitored values, as declared in nvml.h.
//!
//! A device's handle is its index plus one.

use std::ffi::{CStr, CString, c_char, c_uint, c_ulonglong, c_void};
use std::io::Write;
use std::path::Path;
use std::{env, fs, ptr, thread};

use crate::script::{Answer, Gpu, Script};
use crate::{SCRIPT_ENV, readings, uuid};

type Return = c_uint;
type Device = *mut c_void;

const SUCCESS: Return = 0;
const INVALID_ARGUMENT: Return = 2;
const NOT_FOUND: Return = 6;
const INSUFFICIENT_SIZE: Return = 7;
const TIMEOUT: Return = 10;
const GPU_IS_LOST: Return = 15;
const UNKNOWN: Return = 999;

const XID_EVENT: c_ulonglong = 8;
const MEMORY_TOTAL_BYTES: u64 = 80 << 30;
const FIRST_TEMPERATURE_C: u64 = 40;

#[repr(C)]
struct Memory {
    version: c_uint,
    total: c_ulonglong,
    reserved: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

#[repr(C)]
struct Utilization {
    gpu: c_uint,
    memory: c_uint,
}

#[repr(C)]
struct Process {
    pid: c_uint,
    used_gpu_memory: c_ulonglong,
    gpu_instance_id: c_uint,
    compute_instance_id: c_uint,
}

#[repr(C)]
struct EventData {
    device: Device,
    event_type: c_ulonglong,
    event_data: c_ulonglong,
    gpu_instance_id: c_uint,
    compute_instance_id: c_uint,
}

/// The registered devices of an event set, each with the number of its Xids that were delivered.
type EventSet = Vec<(u32, usize)>;

/// Runs a call and returns its error code.
fn answer(call: impl FnOnce() -> Result<(), Return>) -> Return {
    call().err().unwrap_or(SUCCESS)
}

/// Runs a call and writes its value to `place`.
///
/// # Safety
/// `place` must be valid for writes.
unsafe fn answer_at<T>(place: *mut T, call: impl FnOnce() -> Result<T, Return>) -> Return {
    // SAFETY: the caller guarantees that `place` is valid for writes.
    answer(|| call().map(|said| unsafe { place.write(said) }))
}

fn script() -> Result<Script, Return> {
    let path = env::var_os(SCRIPT_ENV).ok_or_else(|| refuse(&format!("{SCRIPT_ENV} is not set")))?;
    let path = Path::new(&path);
    let text = fs::read_to_string(path).map_err(|error| refuse(&format!("{}: {error}", path.display())))?;
    Script::parse(&text).map_err(|error| refuse(&format!("{}:{}: {}", path.display(), error.line, error.reason)))
}

fn refuse(reason: &str) -> Return {
    eprintln!("fake NVML: {reason}");
    UNKNOWN
}

/// The number of GPUs.
fn gpus() -> Result<u64, Return> {
    value(script()?.count())
}

/// The current state of a device. A lost device returns an error; calls on a hanging device do not return.
fn gpu(device: Device) -> Result<(u32, Gpu), Return> {
    let number = (device as usize).checked_sub(1).and_then(|number| u32::try_from(number).ok());
    let number = number.ok_or(INVALID_ARGUMENT)?;
    let gpu = script()?.gpu(Some(number));
    while gpu.is("hang") {
        thread::park();
    }
    if gpu.is("lost") { Err(GPU_IS_LOST) } else { Ok((number, gpu)) }
}

/// Appends a byte to the file that counts readings.
fn count_reading() -> std::io::Result<()> {
    let path = readings(Path::new(&env::var_os(SCRIPT_ENV).unwrap_or_default()));
    fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(b".")
}

fn value(answer: Answer) -> Result<u64, Return> {
    match answer {
        Answer::Value(value) => Ok(value),
        Answer::Error(code) => Err(code),
    }
}

fn read(device: Device, field: &str, default: u64) -> Result<u64, Return> {
    value(gpu(device)?.1.get(field, default))
}

/// Copies a text and a terminating zero.
///
/// # Safety
/// `to` must be valid for writes of `length` bytes.
unsafe fn write(text: &str, to: *mut c_char, length: c_uint) -> Result<(), Return> {
    let text = CString::new(text).map_err(|_| UNKNOWN)?;
    let bytes = text.as_bytes_with_nul();
    if bytes.len() > length as usize {
        return Err(INSUFFICIENT_SIZE);
    }
    // SAFETY: the check above ensures that the bytes fit into the buffer that the caller guarantees.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to.cast(), bytes.len()) };
    Ok(())
}

/// The next Xid that has not been delivered yet.
fn next_xid(set: &mut EventSet) -> Result<EventData, Return> {
    for (number, delivered) in set {
        let device = handle(*number);
        let (_, gpu) = gpu(device)?;
        if let Some(xid) = gpu.xids.get(*delivered) {
            *delivered += 1;
            let (event_type, event_data, none) = (XID_EVENT, *xid, c_uint::MAX);
            return Ok(EventData { device, event_type, event_data, gpu_instance_id: none, compute_instance_id: none });
        }
    }
    Err(TIMEOUT)
}

fn handle(number: u32) -> Device {
    ptr::without_provenance_mut(number as usize + 1)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlInit_v2() -> Return {
    answer(|| script().map(drop))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlShutdown() -> Return {
    SUCCESS
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlSystemGetDriverVersion(version: *mut c_char, length: c_uint) -> Return {
    // SAFETY: nvml.h requires the caller to pass a buffer of this length.
    answer(|| unsafe { write("580.00.00", version, length) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetCount_v2(count: *mut c_uint) -> Return {
    // SAFETY: nvml.h requires the caller to pass a valid pointer.
    unsafe { answer_at(count, || Ok(gpus()? as c_uint)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, device: *mut Device) -> Return {
    let find = || {
        if u64::from(index) >= gpus()? {
            return Err(INVALID_ARGUMENT);
        }
        gpu(handle(index)).map(|(number, _)| handle(number))
    };
    // SAFETY: nvml.h requires the caller to pass a valid pointer.
    unsafe { answer_at(device, find) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetHandleByUUID(name: *const c_char, device: *mut Device) -> Return {
    // SAFETY: nvml.h requires the caller to pass a zero-terminated text.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
    let find = || {
        let number = (0..gpus()? as u32).find(|number| uuid(*number) == name).ok_or(NOT_FOUND)?;
        gpu(handle(number)).map(|(number, _)| handle(number))
    };
    // SAFETY: nvml.h requires the caller to pass a valid pointer.
    unsafe { answer_at(device, find) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetUUID(device: Device, name: *mut c_char, length: c_uint) -> Return {
    // SAFETY: nvml.h requires the caller to pass a buffer of this length.
    answer(|| unsafe { write(&uuid(gpu(device)?.0), name, length) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetName(device: Device, name: *mut c_char, length: c_uint) -> Return {
    // SAFETY: nvml.h requires the caller to pass a buffer of this length.
    answer(|| unsafe { write(&format!("Fake GPU {}", gpu(device)?.0), name, length) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(device: Device, memory: *mut Memory) -> Return {
    let read = || {
        let (total, used) =
            (MEMORY_TOTAL_BYTES, (MEMORY_TOTAL_BYTES * read(device, "memory_used_percent", 0)?).div_ceil(100));
        Ok(Memory { version: 2, total, reserved: 0, free: total.saturating_sub(used), used })
    };
    // SAFETY: nvml.h requires the caller to pass a valid pointer.
    unsafe { answer_at(memory, read) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetTemperature(device: Device, _sensor: c_uint, temperature: *mut c_uint) -> Return {
    // SAFETY: nvml.h requires the caller to pass a valid pointer.
    unsafe {
        answer_at(temperature, || {
            let value = read(device, "temperature", FIRST_TEMPERATURE_C);
            count_reading().map_err(|_| UNKNOWN)?;
            Ok(value? as c_uint)
        })
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetUtilizationRates(device: Device, rates: *mut Utilization) -> Return {
    // SAFETY: nvml.h requires the caller to pass a valid pointer.
    unsafe { answer_at(rates, || Ok(Utilization { gpu: read(device, "utilization", 0)? as c_uint, memory: 0 })) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetTotalEccErrors(
    device: Device,
    _error: c_uint,
    _counter: c_uint,
    count: *mut c_ulonglong,
) -> Return {
    // SAFETY: nvml.h requires the caller to pass a valid pointer.
    unsafe { answer_at(count, || read(device, "ecc_uncorrected", 0)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses_v3(
    device: Device,
    count: *mut c_uint,
    processes: *mut Process,
) -> Return {
    answer(|| {
        let (_, gpu) = gpu(device)?;
        value(gpu.get("process", 0))?;
        // SAFETY: nvml.h requires the caller to pass a valid pointer, and a buffer for as many processes as it states.
        let room = unsafe { std::mem::replace(&mut *count, gpu.processes.len() as c_uint) } as usize;
        if room < gpu.processes.len() {
            return Err(INSUFFICIENT_SIZE);
        }
        for (place, (pid, used_gpu_memory)) in gpu.processes.into_iter().enumerate() {
            let none = c_uint::MAX;
            let process = Process { pid, used_gpu_memory, gpu_instance_id: none, compute_instance_id: none };
            // SAFETY: `place` is less than `room`.
            unsafe { processes.add(place).write(process) };
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlEventSetCreate(set: *mut *mut EventSet) -> Return {
    // SAFETY: nvml.h requires the caller to pass a valid pointer. `nvmlEventSetFree` frees the set.
    unsafe { answer_at(set, || Ok(Box::into_raw(Box::default()))) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceRegisterEvents(device: Device, _types: c_ulonglong, set: *mut EventSet) -> Return {
    // SAFETY: `nvmlEventSetCreate` made the set, and only one thread uses it.
    let set = unsafe { &mut *set };
    answer(|| gpu(device).map(|(number, _)| set.push((number, 0))))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlEventSetWait_v2(set: *mut EventSet, data: *mut EventData, _timeout_ms: c_uint) -> Return {
    // SAFETY: `nvmlEventSetCreate` made the set, and only one thread uses it.
    let set = unsafe { &mut *set };
    // SAFETY: nvml.h requires the caller to pass a valid pointer.
    unsafe { answer_at(data, || next_xid(set)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlEventSetFree(set: *mut EventSet) -> Return {
    // SAFETY: `nvmlEventSetCreate` made the set, and it is not used any more.
    drop(unsafe { Box::from_raw(set) });
    SUCCESS
}
