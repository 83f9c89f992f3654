/**
 * One of the parts that Node's own modules are made of, by its name, or undefined where this Node
 * does not give it away. Not documented, so whoever asks looks whether all he needs is there, and has
 * another way when it is not.
 */
export function nodeBinding(name: string): unknown {
  const { binding } = process as unknown as { binding?: (name: string) => unknown }
  try {
    return binding?.(name)
  } catch {
    return undefined
  }
}
