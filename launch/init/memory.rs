//! What a compiler takes for granted, wherever it likes to: the four functions that every C library has. Speed is no matter
//! here: nothing large is copied.

/// # Safety
///
/// As memcpy(3) says.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    for place in 0..bytes {
        // SAFETY: as the caller promises.
        unsafe { *to.add(place) = *from.add(place) };
    }
    to
}

/// # Safety
///
/// As memmove(3) says.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    if to.cast_const() <= from {
        // SAFETY: as the caller promises; what is written was read before.
        return unsafe { memcpy(to, from, bytes) };
    }
    for place in (0..bytes).rev() {
        // SAFETY: as the caller promises; what is written was read before.
        unsafe { *to.add(place) = *from.add(place) };
    }
    to
}

/// # Safety
///
/// As memset(3) says.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, bytes: usize) -> *mut u8 {
    for place in 0..bytes {
        // SAFETY: as the caller promises.
        unsafe { *to.add(place) = byte as u8 };
    }
    to
}

/// # Safety
///
/// As memcmp(3) says.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
    for place in 0..bytes {
        // SAFETY: as the caller promises.
        let (one, other) = unsafe { (*one.add(place), *other.add(place)) };
        if one != other {
            return i32::from(one) - i32::from(other);
        }
    }
    0
}
